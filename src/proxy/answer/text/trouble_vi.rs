//! The Vietnamese sentences for disturbances: what happened, and what may help, without jargon.
//!
//! The status codes and their names stay out of the page; the reason code and the support code are for the help desk.

use super::Text;

const WHAT_TO_TRY: &str = "Bạn có thể thử";
const STILL_HERE: &str = "Nếu vẫn gặp trang này, vui lòng đọc mã hỗ trợ dưới đây cho bộ phận hỗ trợ.";

pub(super) const AMBIGUOUS_REQUEST: Text = trouble(
    "Chưa đọc được yêu cầu",
    "Yêu cầu có thể hiểu theo nhiều cách nên hệ thống đã dừng lại để bảo đảm an toàn.",
    &["Yêu cầu có thể hiểu theo nhiều cách, nên hệ thống đã dừng lại để bảo đảm an toàn cho bạn."],
    &[
        "Mở trang chủ của hệ thống và đi đến trang bạn cần từ đó.",
        "Nếu bạn mở một đường dẫn được gửi cho mình, hãy kiểm tra xem đường dẫn có đầy đủ không.",
        "Nếu vẫn gặp trang này, hãy xóa dữ liệu duyệt web (cookie) của trang này trong trình duyệt rồi thử lại.",
    ],
);

pub(super) const METHOD_NOT_ALLOWED: Text = trouble(
    "Trang này không nhận thao tác vừa thực hiện",
    "Địa chỉ này có, nhưng không nhận thao tác vừa thực hiện.",
    &["Địa chỉ này có, nhưng không nhận thao tác vừa thực hiện."],
    &["Mở trang chủ và đi đến trang bạn cần từ đó.", STILL_HERE],
);

pub(super) const TOO_LARGE: Text = trouble(
    "Nội dung gửi lên quá lớn",
    "Nội dung gửi lên vượt quá dung lượng cho phép của trang này.",
    &["Nội dung gửi lên vượt quá dung lượng mà trang này cho phép."],
    &[
        "Giảm dung lượng tệp đính kèm, ví dụ lưu ảnh ở độ phân giải thấp hơn.",
        "Nếu được, chia thành nhiều tệp và gửi thành nhiều lần.",
    ],
);

pub(super) const HEADER_TOO_LARGE: Text = trouble(
    "Trình duyệt gửi kèm quá nhiều dữ liệu",
    "Phần đầu của yêu cầu (địa chỉ, cookie) vượt quá giới hạn.",
    &["Yêu cầu mang theo quá nhiều dữ liệu mà trình duyệt đã lưu, nên hệ thống chưa nhận được."],
    &["Xóa dữ liệu duyệt web (cookie) của trang này trong trình duyệt.", "Mở lại trang chủ và đăng nhập lại."],
);

pub(super) const UNKNOWN_HOST: Text = trouble(
    "Không có trang nào ở địa chỉ này",
    "Máy chủ này không phục vụ tên miền được yêu cầu.",
    &["Máy chủ này không phục vụ địa chỉ bạn vừa mở."],
    &["Kiểm tra lại địa chỉ trên thanh địa chỉ của trình duyệt.", "Mở địa chỉ đó trong một tab mới."],
);

pub(super) const NOT_SUPPORTED: Text = Text {
    button: Some("Mở trang đăng nhập"),
    ..trouble(
        "Chưa đọc được thông tin đăng nhập",
        "Thông tin đăng nhập được gửi theo định dạng mà hệ thống không đọc được, nên chưa được chuyển đi.",
        &["Thông tin đăng nhập được gửi theo cách mà hệ thống không đọc được, nên chưa được chuyển đi."],
        &[
            "Mở lại trang đăng nhập và thử lại.",
            "Nếu vẫn gặp trang này, hãy dùng một trình duyệt khác hoặc cập nhật trình duyệt.",
        ],
    )
};

pub(super) const REQUEST_TIMEOUT: Text = trouble(
    "Yêu cầu không đến kịp",
    "Yêu cầu bị ngắt trước khi đến đủ, nên chưa được chuyển đi.",
    &["Dữ liệu bạn gửi bị ngắt giữa đường, nên hệ thống chưa tiếp nhận được."],
    &["Kiểm tra kết nối mạng, rồi quay lại và gửi lại.", STILL_HERE],
);

pub(super) const UPSTREAM_UNAVAILABLE: Text = trouble(
    "Hệ thống đang tạm thời gián đoạn",
    "Hiện chưa kết nối được với hệ thống.",
    &["Hiện chưa kết nối được với hệ thống. Nguyên nhân không nằm ở thiết bị hoặc tài khoản của bạn."],
    &["Chờ vài phút rồi mở lại trang bạn cần.", STILL_HERE],
);

pub(super) const UPSTREAM_TIMEOUT: Text = trouble(
    "Hệ thống phản hồi chậm hơn dự kiến",
    "Hệ thống không trả lời trong thời gian chờ.",
    &["Hệ thống chưa trả lời trong thời gian chờ. Nguyên nhân không nằm ở thiết bị hoặc tài khoản của bạn."],
    &["Chờ vài phút rồi mở lại trang bạn cần.", STILL_HERE],
);

pub(super) const IDENTITY_UNAVAILABLE: Text = trouble(
    "Tạm thời chưa xác nhận được đăng nhập",
    "Dịch vụ xác nhận đăng nhập tạm thời không phản hồi, nên yêu cầu chưa được xử lý.",
    &[
        "Dịch vụ xác nhận đăng nhập tạm thời không phản hồi. Để bảo đảm an toàn, hệ thống chưa xử lý yêu cầu của bạn. Tài khoản \
       của bạn không bị ảnh hưởng.",
    ],
    &["Chờ vài phút rồi mở lại trang bạn cần.", STILL_HERE],
);

pub(super) const INTERNAL: Text = trouble(
    "Hệ thống gặp sự cố",
    "Hệ thống gặp sự cố khi xử lý yêu cầu.",
    &["Hệ thống gặp sự cố khi xử lý yêu cầu. Nguyên nhân không nằm ở thiết bị hoặc tài khoản của bạn."],
    &["Chờ vài phút rồi mở lại trang bạn cần.", STILL_HERE],
);

/// What happened, and what may help.
const fn trouble(
    heading: &'static str,
    summary: &'static str,
    lead: &'static [&'static str],
    steps: &'static [&'static str],
) -> Text {
    Text { heading, summary, lead, button: None, steps_heading: WHAT_TO_TRY, steps, notes: &[], basis: None }
}
