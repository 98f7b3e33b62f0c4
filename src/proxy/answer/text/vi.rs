//! The sentences in Vietnamese.
//!
//! For readers of any age on any device: what happened, what to do next, no blame, no jargon. The log-in steps are
//! those of the notice, in its order and with the words that stand on the portal's buttons.

use super::super::Kind;
use super::{Labels, Link, Note, Text, Work, trouble_vi as trouble};
use crate::policy::page::Page;

pub(super) const LABELS: Labels = Labels {
    system: "Hệ thống thông tin giải quyết thủ tục hành chính",
    name: "Tiếng Việt",
    code: "Mã hỗ trợ",
    code_help: "Cần giúp đỡ? Hãy đọc mã này cho bộ phận hỗ trợ. Không cung cấp mật khẩu hoặc mã OTP cho bất kỳ ai.",
    reason: "Mã lý do",
    why: "Quy định áp dụng:",
    new_tab: "mở trong tab mới",
    work,
};

fn work(work: Work) -> (&'static str, &'static str) {
    match work {
        Work::LogInAndResend => (
            "Nội dung bạn vừa gửi chưa đến hệ thống",
            "Vui lòng không đóng tab này. Đăng nhập trong một tab mới, sau đó trở lại đây và bấm nút Quay lại của trình \
             duyệt: nội dung đã nhập thường vẫn còn. Kiểm tra lại rồi gửi một lần nữa.",
        ),
        Work::Resend => (
            "Nội dung bạn vừa gửi chưa đến hệ thống",
            "Vui lòng không đóng tab này. Bấm nút Quay lại của trình duyệt: nội dung đã nhập thường vẫn còn, bạn có thể \
             gửi lại sau hoặc sao chép ra nơi khác.",
        ),
        Work::MayHaveArrived => (
            "Nội dung bạn vừa gửi có thể đã đến hệ thống",
            "Trước khi gửi lại, vui lòng kiểm tra danh sách hồ sơ của bạn để tránh nộp hai lần. Nếu chưa thấy hồ sơ, bấm \
             nút Quay lại của trình duyệt: nội dung đã nhập thường vẫn còn.",
        ),
    }
}

pub(super) fn text(kind: Kind) -> &'static Text {
    match kind {
        Kind::Refused(Page::UseVneid) => &USE_VNEID,
        Kind::Refused(Page::RaiseLevel) => &RAISE_LEVEL,
        Kind::Refused(Page::LogIn) => &LOG_IN,
        Kind::Refused(Page::UseNationalPortal) => &USE_NATIONAL_PORTAL,
        Kind::Refused(Page::NotPermitted) => &NOT_PERMITTED,
        Kind::LogInFirst => &LOG_IN_FIRST,
        Kind::AmbiguousRequest => &trouble::AMBIGUOUS_REQUEST,
        Kind::MethodNotAllowed => &trouble::METHOD_NOT_ALLOWED,
        Kind::TooLarge => &trouble::TOO_LARGE,
        Kind::HeaderTooLarge => &trouble::HEADER_TOO_LARGE,
        Kind::UnknownHost => &trouble::UNKNOWN_HOST,
        Kind::NotSupported => &trouble::NOT_SUPPORTED,
        Kind::UpstreamUnavailable => &trouble::UPSTREAM_UNAVAILABLE,
        Kind::RequestTimeout => &trouble::REQUEST_TIMEOUT,
        Kind::UpstreamTimeout => &trouble::UPSTREAM_TIMEOUT,
        Kind::IdentityUnavailable => &trouble::IDENTITY_UNAVAILABLE,
        Kind::Internal => &trouble::INTERNAL,
    }
}

const HOW_TO_LOG_IN: &str = "Các bước đăng nhập";

const NO_ACCOUNT_YET: Note = Note {
    heading: "Chưa có tài khoản VNeID?",
    body: "Đăng ký theo hướng dẫn của Bộ Công an, mục Hướng dẫn sử dụng, tại:",
    link: Some(Link::Vneid),
};
const FOR_ORGANIZATIONS: Note = Note {
    heading: "Bạn đại diện cho tổ chức, doanh nghiệp?",
    body: "Tổ chức, doanh nghiệp đăng nhập bằng tài khoản của Cổng Dịch vụ công quốc gia:",
    link: Some(Link::NationalPortal),
};
const FOR_CITIZENS: Note = Note {
    heading: "Bạn là công dân?",
    body: "Công dân đăng nhập bằng tài khoản định danh điện tử VNeID mức độ 2. Xem hướng dẫn tại:",
    link: Some(Link::Vneid),
};
const ONE_STOP_DESK: Note =
    Note {
        heading: "Cần nộp hồ sơ ngay?", body: "Bạn có thể đến Bộ phận Một cửa để được hướng dẫn.", link: None
    };

const USE_VNEID: Text = Text {
    heading: "Vui lòng đăng nhập bằng tài khoản VNeID",
    summary: "Từ ngày 01/7/2024, công dân đăng nhập bằng duy nhất tài khoản định danh điện tử VNeID mức độ 2.",
    lead: &[
        "Từ ngày <strong>01/7/2024</strong>, công dân thực hiện thủ tục hành chính trên hệ thống này bằng duy nhất tài \
         khoản định danh điện tử <strong>VNeID mức độ 2</strong>. Mật khẩu riêng của hệ thống không còn dùng để đăng nhập.",
        "Nếu bạn đang dùng phiên đăng nhập bằng tài khoản cũ, phiên đó đã được kết thúc. Hồ sơ bạn đã nộp trước đây vẫn \
         được giữ nguyên.",
    ],
    button: Some("Đăng nhập bằng VNeID"),
    steps_heading: HOW_TO_LOG_IN,
    steps: &[
        "Mở trang chủ của hệ thống và chọn <strong>“Đăng nhập”</strong>.",
        "Chọn <strong>“Đăng nhập bằng tài khoản định danh điện tử cấp bởi Bộ Công an”</strong>.",
        "Nhập số căn cước công dân và mật khẩu của tài khoản VNeID.",
        "Nhập mã OTP vừa gửi tới số điện thoại của bạn rồi chọn <strong>“Đăng nhập”</strong>.<br>\
         Thay cho bước 3 và bước 4, bạn có thể quét mã QR bằng ứng dụng VNeID trên điện thoại.",
        "Đăng nhập thành công, bạn được đưa trở lại hệ thống để tiếp tục thực hiện thủ tục.",
    ],
    notes: &[
        NO_ACCOUNT_YET,
        Note {
            heading: "Tài khoản VNeID mới ở mức độ 1?",
            body: "Mang thẻ căn cước đến trực tiếp Công an cấp xã để đăng ký mức độ 2, sau đó đăng nhập lại.",
            link: None,
        },
        FOR_ORGANIZATIONS,
    ],
    basis: Some(
        "Căn cứ: Công văn số 3781/UBND-NC ngày 01/7/2024 của UBND tỉnh Đắk Nông; Thông báo số 27/TB-STTTT ngày \
         28/6/2024 của Sở Thông tin và Truyền thông.",
    ),
};

const RAISE_LEVEL: Text = Text {
    heading: "Cần tài khoản VNeID mức độ 2",
    summary: "Tài khoản VNeID vừa dùng chưa được xác nhận ở mức độ 2. Việc thực hiện thủ tục hành chính cần mức độ 2.",
    lead: &[
        "Bạn đã đăng nhập bằng VNeID. Tuy nhiên, tài khoản đang ở mức độ 1, hoặc hệ thống chưa nhận được thông tin về \
         mức độ của tài khoản. Việc thực hiện thủ tục hành chính trực tuyến cần tài khoản <strong>mức độ 2</strong>.",
        "Hồ sơ bạn đã nộp trước đây vẫn được giữ nguyên.",
    ],
    button: Some("Đăng nhập lại bằng VNeID"),
    steps_heading: "Cách đăng ký mức độ 2",
    steps: &[
        "Đến trực tiếp cơ quan Công an cấp xã. Mang theo thẻ căn cước (hoặc thẻ căn cước công dân) còn giá trị và điện \
         thoại của bạn.",
        "Đề nghị đăng ký tài khoản định danh điện tử mức độ 2 và làm theo hướng dẫn của cán bộ tiếp nhận.",
        "Khi nhận được thông báo, kích hoạt tài khoản mức độ 2 trong ứng dụng VNeID.",
        "Đăng nhập lại vào hệ thống này bằng tài khoản VNeID.",
    ],
    notes: &[
        Note {
            heading: "Tài khoản của bạn đã ở mức độ 2?",
            body: "Đăng xuất rồi đăng nhập lại. Nếu vẫn gặp trang này, vui lòng đọc mã hỗ trợ dưới đây cho bộ phận hỗ trợ.",
            link: None,
        },
        Note {
            heading: "Hướng dẫn chi tiết",
            body: "Bộ Công an hướng dẫn đăng ký và kích hoạt tài khoản tại:",
            link: Some(Link::Vneid),
        },
        ONE_STOP_DESK,
    ],
    basis: None,
};

const LOG_IN: Text = Text {
    heading: "Vui lòng đăng nhập",
    summary: "Trang này dành cho người đã đăng nhập. Bạn chưa đăng nhập, hoặc phiên đăng nhập đã hết hạn hay đã bị chấm dứt.",
    lead: &[
        "Trang này dành cho người đã đăng nhập. Có thể bạn chưa đăng nhập, hoặc phiên đăng nhập đã hết hạn hay đã bị chấm dứt.",
    ],
    button: Some("Đăng nhập"),
    steps_heading: HOW_TO_LOG_IN,
    steps: &[
        "Mở trang chủ của hệ thống và chọn <strong>“Đăng nhập”</strong>.",
        "Chọn loại tài khoản của bạn: công dân dùng tài khoản VNeID mức độ 2; tổ chức, doanh nghiệp dùng tài khoản của \
         Cổng Dịch vụ công quốc gia.",
        "Đăng nhập thành công, mở lại trang bạn cần.",
    ],
    notes: &[NO_ACCOUNT_YET, FOR_ORGANIZATIONS],
    basis: None,
};

const LOG_IN_FIRST: Text = Text {
    heading: "Vui lòng đăng nhập để tiếp tục",
    summary: "Thao tác này cần đăng nhập. Bạn chưa đăng nhập, hoặc phiên đăng nhập đã hết hạn; thao tác chưa được thực hiện.",
    lead: &[
        "Thao tác này cần đăng nhập. Có thể bạn chưa đăng nhập, hoặc phiên đăng nhập đã hết hạn trong lúc bạn đang làm \
         việc. <strong>Nếu bạn vừa gửi nội dung, nội dung đó chưa đến hệ thống.</strong>",
        "Vui lòng <strong>không đóng tab này</strong> và làm theo các bước dưới đây để không phải nhập lại.",
    ],
    button: Some("Đăng nhập"),
    steps_heading: "Để không phải nhập lại",
    steps: &[
        "Đăng nhập trong một <strong>tab mới</strong>: công dân dùng tài khoản VNeID mức độ 2; tổ chức, doanh nghiệp dùng \
         tài khoản của Cổng Dịch vụ công quốc gia.",
        "Đăng nhập xong, trở lại tab này và bấm nút <strong>Quay lại</strong> của trình duyệt. Nội dung bạn đã nhập thường \
         vẫn còn.",
        "Kiểm tra lại, đính kèm lại tệp nếu cần, rồi gửi một lần nữa.",
    ],
    notes: &[NO_ACCOUNT_YET, FOR_ORGANIZATIONS],
    basis: None,
};

const USE_NATIONAL_PORTAL: Text = Text {
    heading: "Tổ chức, doanh nghiệp đăng nhập bằng tài khoản Cổng Dịch vụ công quốc gia",
    summary: "Tổ chức, doanh nghiệp đăng nhập hệ thống này bằng tài khoản của Cổng Dịch vụ công quốc gia.",
    lead: &[
        "Tổ chức, doanh nghiệp thực hiện thủ tục hành chính trên hệ thống này bằng tài khoản của <strong>Cổng Dịch vụ công \
         quốc gia</strong>. Hồ sơ đã nộp trước đây vẫn được giữ nguyên.",
    ],
    button: Some("Đến trang đăng nhập"),
    steps_heading: HOW_TO_LOG_IN,
    steps: &[
        "Mở trang chủ của hệ thống và chọn <strong>“Đăng nhập”</strong>.",
        "Chọn đăng nhập bằng tài khoản của Cổng Dịch vụ công quốc gia.",
        "Đăng nhập bằng tài khoản của tổ chức, doanh nghiệp. Đăng nhập thành công, bạn được đưa trở lại hệ thống.",
    ],
    notes: &[
        Note {
            heading: "Chưa có tài khoản của tổ chức?",
            body: "Xem hướng dẫn tại Cổng Dịch vụ công quốc gia:",
            link: Some(Link::NationalPortal),
        },
        Note {
            heading: "Từ ngày 01/7/2025",
            body: "Theo khoản 4 Điều 40 Nghị định số 69/2024/NĐ-CP, tài khoản do các cổng dịch vụ công cấp cho tổ chức được \
                   dùng đến hết ngày 30/6/2025; sau đó dùng tài khoản định danh điện tử của tổ chức. Xem hướng dẫn tại:",
            link: Some(Link::Vneid),
        },
        FOR_CITIZENS,
    ],
    basis: Some("Căn cứ: Công văn số 3781/UBND-NC ngày 01/7/2024 của UBND tỉnh Đắk Nông."),
};

const NOT_PERMITTED: Text = Text {
    heading: "Tài khoản này chưa được phép thực hiện việc này",
    summary: "Theo quy định đang áp dụng, tài khoản đang dùng không thực hiện được việc này.",
    lead: &[
        "Hệ thống đã nhận được yêu cầu. Theo quy định đang áp dụng, tài khoản đang dùng không thực hiện được việc này.",
        "Nếu bạn cho rằng có nhầm lẫn, vui lòng liên hệ bộ phận hỗ trợ và đọc mã hỗ trợ dưới đây.",
    ],
    button: Some("Đăng nhập bằng tài khoản khác"),
    steps_heading: "",
    steps: &[],
    notes: &[FOR_CITIZENS, FOR_ORGANIZATIONS],
    basis: None,
};
