//! The policy's words in the words of people, in Vietnamese and English.
//! A word that is not in the lists stays as it is.

/// The language of a page, or of an advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Vietnamese,
    English,
}

/// Word, Vietnamese, English.
type Wording = (&'static str, &'static str, &'static str);

const ACTIONS: [Wording; 4] = [
    ("forward", "cho qua", "let through"),
    ("anonymous", "cho qua, không kèm danh tính", "let through without identity"),
    ("login", "chuyển đến đăng nhập", "sent to log in"),
    ("reject", "từ chối", "refused"),
];

const ACCOUNTS: [Wording; 6] = [
    ("citizen", "công dân", "citizen"),
    ("organization", "tổ chức, doanh nghiệp", "organisation"),
    ("official", "cán bộ", "official"),
    ("service", "ứng dụng", "application"),
    ("anonymous", "không đăng nhập", "not logged in"),
    ("unknown", "chưa rõ là ai", "not known who"),
];

const LOGINS: [Wording; 6] = [
    ("vneid", "VNeID", "VNeID"),
    ("national-portal", "Cổng Dịch vụ công quốc gia", "National Portal"),
    ("password", "mật khẩu", "password"),
    ("client-credentials", "khóa của ứng dụng", "application's own key"),
    ("none", "không đăng nhập", "no log-in"),
    ("unknown", "chưa rõ cách đăng nhập", "log-in not known"),
];

pub(super) fn action(word: &str, language: Language) -> &str {
    of(&ACTIONS, word, language)
}

pub(super) fn account(word: &str, language: Language) -> &str {
    of(&ACCOUNTS, word, language)
}

pub(super) fn login(word: &str, language: Language) -> &str {
    of(&LOGINS, word, language)
}

/// Account and log-in together; who is not logged in has only the one.
pub(super) fn who(account_word: &str, login_word: &str, language: Language) -> String {
    let (account, login) = (account(account_word, language), login(login_word, language));
    if account_word == "anonymous" {
        return account.to_owned();
    }
    format!("{account} · {login}")
}

fn of<'w>(list: &[Wording], word: &'w str, language: Language) -> &'w str {
    match list.iter().find(|(known, _, _)| *known == word) {
        Some((_, vi, _)) if language == Language::Vietnamese => vi,
        Some((_, _, en)) => en,
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Account, Login};
    use crate::policy::Action;

    #[test]
    fn every_word_of_the_policy_is_said_in_both_languages() {
        let all = |list: &[Wording]| list.iter().map(|(word, _, _)| *word).collect::<Vec<_>>();
        assert_eq!(all(&ACTIONS), Action::WORDS);
        assert_eq!(all(&ACCOUNTS), Account::WORDS);
        assert_eq!(all(&LOGINS), Login::WORDS);
        assert_eq!(who("citizen", "vneid", Language::Vietnamese), "công dân · VNeID");
        assert_eq!(login("by-dream", Language::English), "by-dream");
    }
}
