//! Request and response heads: the first line and the headers, read and written.

/// A parsed head of a request or a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The request line or status line, without the line end.
    pub first_line: String,
    /// Header names as sent (case kept) with trimmed values, in order of arrival.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Parses head bytes up to and including the blank line. Lenient: lines without a colon are skipped, invalid UTF-8
    /// is replaced, because a recorder must not lose a request.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Self { first_line, headers }
    }

    /// The first value of a header; names compare without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// The status of a response head, or 0 if the first line is none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.first_line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// Method and target of a request head; empty strings if the first line has none.
    #[must_use]
    pub fn method_and_target(&self) -> (&str, &str) {
        let mut words = self.first_line.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }
}

/// The first value of the header `name` (any case) in a list of headers.
#[must_use]
pub(crate) fn find_header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The length of a complete head at the start of `bytes`, blank line included.
#[must_use]
pub(crate) fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The usual words after a status code; providers use codes that no registry knows, so the default is neutral.
#[must_use]
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_with_its_case_and_order() {
        let bytes = b"POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-Two:  two \r\nx-two: three\r\n\r\nrest";
        let length = head_length(bytes).unwrap();
        assert_eq!(&bytes[length..], b"rest");
        let head = Head::parse(&bytes[..length]);
        assert_eq!(head.method_and_target(), ("POST", "/v1/x?a=b"));
        assert_eq!(head.header("x-TWO"), Some("two"));
        assert_eq!(head.headers.len(), 3);
        assert_eq!(head_length(b"GET / HTTP/1.1\r\nHost: h\r\n"), None);
    }

    #[test]
    fn a_status_line_gives_its_status() {
        assert_eq!(Head::parse(b"HTTP/1.1 529 Status\r\n\r\n").status(), 529);
        assert_eq!(Head::parse(b"nonsense\r\n\r\n").status(), 0);
    }
}
