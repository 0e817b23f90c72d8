//! The pages of `docs/errors/`, served from the binary.

use contracts::Code;

macro_rules! pages {
    ($($code:literal),+ $(,)?) => {
        /// The page of a code, as Markdown.
        pub fn text(code: Code) -> &'static str {
            match code.as_str() {
                $($code => include_str!(concat!("../../../docs/errors/", $code, ".md")),)+
                _ => "This code has no page.",
            }
        }
    };
}

pages![
    "GB101", "GB102", "GB103", "GB104", "GB105", "GB201", "GB202", "GB203", "GB204", "GB301", "GB302",
    "GB303", "GB304", "GB305", "GB401", "GB402", "GB403", "GB501", "GB502", "GB503", "GB504", "GB505",
    "GB506", "GB507",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_shows_its_own_page() {
        for &code in Code::ALL {
            assert!(text(code).contains(code.title()), "{code}");
        }
    }
}
