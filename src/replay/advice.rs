//! What a help desk can tell the person, by the reason of the answer. Vietnamese, with English beside it.
//!
//! Short enough to be said on the telephone. Never asks for a password, a code or an ID number.

use crate::identity::Account;
use crate::policy::{Page, Reason};

/// What to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    pub vi: &'static str,
    pub en: &'static str,
}

const fn say(vi: &'static str, en: &'static str) -> Advice {
    Advice { vi, en }
}

/// Of a reason that this version does not know.
pub(super) const UNKNOWN: Advice = say(
    "Lý do này do một phiên bản khác của hệ thống ghi lại. Vui lòng chuyển cho người trực kỹ thuật.",
    "The reason was written by another version. Pass it on to the person on call.",
);

const LOG_IN: Advice = say(
    "Xin vui lòng đăng nhập lại. Nếu vừa đăng nhập xong lại bị hỏi tiếp, hãy báo lại cho chúng tôi.",
    "Please log in again. If it comes back at once, tell us: the log-in may not have been recognised.",
);
const VNEID: Advice = say(
    "Từ ngày 01/7/2024, công dân chỉ đăng nhập bằng VNeID. Ở trang chủ, chọn Đăng nhập, rồi chọn “tài khoản \
     định danh điện tử cấp bởi Bộ Công an”. Hồ sơ đã nộp vẫn còn nguyên.",
    "Since 1 July 2024 citizens log in with VNeID only. On the home page choose Đăng nhập, then “tài khoản định \
     danh điện tử cấp bởi Bộ Công an”. What was filed before is still there.",
);
const NATIONAL: Advice = say(
    "Tổ chức, doanh nghiệp đăng nhập bằng tài khoản của Cổng Dịch vụ công quốc gia.",
    "Organisations log in with their account of the National Public Service Portal.",
);
const LEVEL: Advice = say(
    "Tài khoản VNeID đang ở mức độ 1, hoặc cổng chưa cho biết mức độ. Mức độ 2 được đăng ký trực tiếp tại công \
     an cấp xã.",
    "The VNeID account is at level 1, or the portal did not tell its level. Level 2 is registered at the \
     commune police, in person.",
);
const AGAIN: Advice = say(
    "Lỗi không do tài khoản hay thiết bị của ông/bà. Xin thử lại sau vài phút. (Báo cho người trực kỹ thuật.)",
    "It is not the account or the device. Please try again in a few minutes. (Tell the person on call.)",
);
const HOME: Advice = say(
    "Xin mở lại trang chủ của cổng và đi tiếp từ đó. (Hỏi xem đường dẫn lấy từ đâu.)",
    "Please open the home page and go on from there. (Ask where the link came from.)",
);
const COOKIES: Advice = say(
    "Xin xóa cookie của trang này trong trình duyệt, rồi mở lại trang chủ.",
    "Please delete this site's cookies and open the home page again.",
);
const NOTHING: Advice = say(
    "Yêu cầu này đã được chuyển đến cổng. Nếu có lỗi thì lỗi ở phía cổng: tra theo request_id.",
    "This request was let through to the portal. If something failed, it failed there: look for its request_id.",
);

/// `account` is that of the person, as far as the gate knew it; `detail` is the line's.
pub(super) fn advice(reason: Reason, account: Option<Account>, detail: &str) -> Advice {
    match reason {
        Reason::Allowed | Reason::Observed | Reason::CredentialRemoved => NOTHING,
        Reason::PasswordAttempt | Reason::PasswordSession if account == Some(Account::Organization) => NATIONAL,
        Reason::PasswordAttempt | Reason::PasswordSession if account == Some(Account::Official) => say(
            "Cán bộ chỉ đăng nhập bằng mật khẩu từ mạng nội bộ. Ngoài mạng nội bộ, hãy liên hệ bộ phận công \
             nghệ thông tin.",
            "Officials log in with a password from their own network only. Elsewhere, ask the IT department.",
        ),
        Reason::PasswordAttempt | Reason::PasswordSession => VNEID,
        Reason::LevelTooLow => LEVEL,
        Reason::NotLoggedIn
        | Reason::CredentialExpired
        | Reason::CredentialInvalid
        | Reason::CredentialRevoked
        | Reason::SessionUnbound
        | Reason::UnsolicitedCallback
        | Reason::LoginRestarted => LOG_IN,
        Reason::NotPermitted => say(
            "Tài khoản này không được dùng phần đó của cổng. (Hỏi người phụ trách quy tắc nêu ở trên.)",
            "This account may not use that part of the portal. (Ask the owner of the rule named above.)",
        ),
        Reason::AmbiguousRequest
            if matches!(detail, "two-cookies" | "too-many-cookies" | "session-spelling" | "two-people") =>
        {
            COOKIES
        }
        Reason::HeadTooLarge => COOKIES,
        Reason::AmbiguousRequest | Reason::MethodNotAllowed | Reason::UnknownHost | Reason::RedirectToHttps => HOME,
        Reason::LoginBodyUnreadable => say(
            "Xin mở trang đăng nhập của cổng và đăng nhập tại đó, không dùng ứng dụng hay đường dẫn khác.",
            "Please log in on the portal's own page, not through another program or link.",
        ),
        Reason::BodyTooLarge => say(
            "Các tệp gửi kèm quá lớn. Xin giảm dung lượng hoặc gửi từng phần.",
            "The files are too large together. Please make them smaller, or send them in parts.",
        ),
        Reason::BackchannelLogout => say(
            "Đây là thông báo đăng xuất do hệ thống đăng nhập gửi, không phải yêu cầu của một người.",
            "This is a log-out that the log-in system posted, not a person's request.",
        ),
        Reason::RequestTimeout => say(
            "Đường truyền quá chậm hoặc bị ngắt khi đang gửi. Xin thử lại.",
            "The connection was too slow, or broke off while sending. Please try again.",
        ),
        Reason::IdentityUnavailable | Reason::UpstreamUnavailable | Reason::UpstreamTimeout | Reason::InternalError => {
            AGAIN
        }
    }
}

/// The page that a refusal shows where its rule names none.
pub(super) fn page(reason: Reason) -> Option<Page> {
    match reason {
        Reason::PasswordAttempt | Reason::PasswordSession => Some(Page::UseVneid),
        Reason::LevelTooLow => Some(Page::RaiseLevel),
        Reason::NotPermitted => Some(Page::NotPermitted),
        Reason::NotLoggedIn
        | Reason::CredentialExpired
        | Reason::CredentialInvalid
        | Reason::CredentialRevoked
        | Reason::SessionUnbound => Some(Page::LogIn),
        _ => None,
    }
}
