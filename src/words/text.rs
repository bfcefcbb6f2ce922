//! The one shape that a fixed text has.

use watchbell_engine::word::Locale;

/// A fixed text in both languages; there is no way to write one without the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Simplified Chinese.
    pub zh_cn: &'static str,
    /// English.
    pub en: &'static str,
}

impl Text {
    /// Both languages, Chinese first.
    pub const fn new(zh_cn: &'static str, en: &'static str) -> Self {
        Self { zh_cn, en }
    }

    /// The text for a reader.
    pub const fn get(self, locale: Locale) -> &'static str {
        match locale {
            Locale::ZhCn => self.zh_cn,
            Locale::En => self.en,
        }
    }
}

/// A word of a closed vocabulary that can be told to people.
pub trait InWords: Copy {
    /// In both languages.
    fn text(self) -> Text;

    /// In the language of a reader.
    fn words(self, locale: Locale) -> &'static str {
        self.text().get(locale)
    }
}
