//! Version numbers as programs and packages print them.

use std::fmt;

/// A release number; what a distribution adds after it plays no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `10.0.2`, `1.96` or a Debian version such as `1:10.0.2+ds-2`; `None` if no number leads.
    pub fn parse(text: &str) -> Option<Self> {
        let upstream = text.split_once(':').map_or(text, |(_epoch, upstream)| upstream);
        let end = upstream.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(upstream.len());
        let mut parts = upstream[..end].split('.').map(str::parse::<u32>);
        let major = parts.next()?.ok()?;
        let mut next = || parts.next().and_then(Result::ok).unwrap_or(0);
        Some(Self { major, minor: next(), patch: next() })
    }

    /// Finds the version in the first line of what `qemu-system-* --version` prints.
    pub fn parse_qemu(banner: &str) -> Option<Self> {
        let (_, version) = banner.lines().next()?.split_once("version ")?;
        Self::parse(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_and_debian_versions() {
        assert_eq!(Version::parse("10.0.2"), Some(Version::new(10, 0, 2)));
        assert_eq!(Version::parse("1.96"), Some(Version::new(1, 96, 0)));
        assert_eq!(Version::parse("1:10.0.2+ds-2+deb13u1~bpo12+1"), Some(Version::new(10, 0, 2)));
        assert_eq!(Version::parse("1.96.0+dfsg1-1~deb12u2"), Some(Version::new(1, 96, 0)));
        assert_eq!(Version::parse("(none)"), None);
        assert_eq!(Version::parse(""), None);
    }

    #[test]
    fn reads_qemu_banners() {
        let debian = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright (c) 2003-2025";
        assert_eq!(Version::parse_qemu(debian), Some(Version::new(10, 0, 2)));
        assert_eq!(Version::parse_qemu("QEMU emulator version 9.2.0-rc1"), Some(Version::new(9, 2, 0)));
        assert_eq!(Version::parse_qemu("command not found"), None);
    }

    #[test]
    fn orders_by_number_and_not_by_text() {
        assert!(Version::new(10, 0, 0) > Version::new(9, 2, 4));
        assert!(Version::new(1, 96, 0) > Version::new(1, 95, 9));
    }
}
