//! From a path to what it names, as Linux walks: through symbolic links, `.` and `..`. Pure; its tests run on the host.

use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::fallible::extend;

/// Longest name in a directory.
pub const NAME_LIMIT: usize = 255;
/// Longest path, with its final zero.
pub const PATH_LIMIT: usize = 4096;
/// How many symbolic links are followed on one way.
const LINK_LIMIT: usize = 40;

/// What a walk steps over: a place in a tree of names.
pub trait Step: Clone {
    /// It holds names.
    fn is_directory(&self) -> bool;
    /// What it has under that name, which is neither empty nor `.` nor `..`. ENOENT if nothing. It is a directory.
    fn child(&self, name: &[u8]) -> Result<Self>;
    /// The directory that it is in, or the root itself. It is a directory.
    fn parent(&self) -> Self;
    /// Where it leads, if it is a symbolic link.
    fn link(&self) -> Option<Result<Link<Self>>>;
}

/// Where a symbolic link leads.
pub enum Link<Place> {
    /// To this path, from the directory that the link is in.
    Path(Vec<u8>),
    /// Straight there, whatever its path.
    Place(Place),
}

/// What happens to a symbolic link at the end of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// It is followed.
    Follow,
    /// It is what the path names, unless a slash comes after it.
    Keep,
    /// It is what the path names: for who changes names.
    Name,
}

/// Where a path ends.
#[derive(Debug)]
pub struct Walked<Place> {
    /// The directory that the last name is in.
    pub directory: Place,
    /// The last name; none if the path ends with a place that is its own: `/`, `.`, `..`.
    pub name: Option<Vec<u8>>,
    /// What is there, if anything is.
    pub place: Option<Place>,
    /// A slash stands at the end: what is there has to be a directory.
    pub slash: bool,
}

impl<Place> Walked<Place> {
    /// What is there; ENOENT if nothing.
    pub fn found(self) -> Result<Place> {
        self.place.ok_or(Errno::ENOENT)
    }
}

/// Walks `path` from `start`, or from `root` if it begins with a slash.
pub fn walk<Place: Step>(root: &Place, start: &Place, path: &[u8], last: Last) -> Result<Walked<Place>> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if path.len() >= PATH_LIMIT {
        return Err(Errno::ENAMETOOLONG);
    }
    let mut walk = Walk { root, rest: Rest::new(path), at: start.clone(), links: 0 };
    if walk.rest.is_absolute() {
        walk.at = root.clone();
    }
    walk.run(last)
}

struct Walk<'a, Place> {
    root: &'a Place,
    rest: Rest<'a>,
    at: Place,
    links: usize,
}

impl<Place: Step> Walk<'_, Place> {
    fn run(mut self, last: Last) -> Result<Walked<Place>> {
        loop {
            let Some((name, is_last, slash)) = self.rest.next() else {
                // Nothing but slashes.
                let at = self.at;
                return Ok(Walked { directory: at.clone(), name: None, place: Some(at), slash: true });
            };
            if !self.at.is_directory() {
                return Err(Errno::ENOTDIR);
            }
            if name.len() > NAME_LIMIT {
                return Err(Errno::ENAMETOOLONG);
            }
            if name == b"." || name == b".." {
                if name == b".." {
                    self.at = self.at.parent();
                }
                if is_last {
                    let at = self.at;
                    return Ok(Walked { directory: at.clone(), name: None, place: Some(at), slash });
                }
                continue;
            }
            let child = match self.at.child(name) {
                Ok(child) => child,
                Err(Errno::ENOENT) if is_last => {
                    let name = Some(name.to_vec());
                    return Ok(Walked { directory: self.at, name, place: None, slash });
                }
                Err(error) => return Err(error),
            };
            let follows = !is_last || last == Last::Follow || last == Last::Keep && slash;
            if let Some(link) = follows.then(|| child.link()).flatten() {
                if let Some(walked) = self.follow(link?, is_last, slash)? {
                    return Ok(walked);
                }
                continue;
            }
            if is_last {
                if slash && last != Last::Name && !child.is_directory() {
                    return Err(Errno::ENOTDIR);
                }
                let name = Some(name.to_vec());
                return Ok(Walked { directory: self.at, name, place: Some(child), slash });
            }
            self.at = child;
        }
    }

    /// Goes where a link leads; the end of the walk if that is there.
    fn follow(&mut self, link: Link<Place>, is_last: bool, slash: bool) -> Result<Option<Walked<Place>>> {
        self.links += 1;
        if self.links > LINK_LIMIT {
            return Err(Errno::ELOOP);
        }
        match link {
            Link::Path(path) if path.is_empty() => Err(Errno::ENOENT),
            Link::Path(path) => {
                if path[0] == b'/' {
                    self.at = self.root.clone();
                }
                self.rest.prepend(path, is_last, slash)?;
                Ok(None)
            }
            Link::Place(place) if is_last => {
                if slash && !place.is_directory() {
                    return Err(Errno::ENOTDIR);
                }
                Ok(Some(Walked { directory: place.clone(), name: None, place: Some(place), slash }))
            }
            Link::Place(place) => {
                self.at = place;
                Ok(None)
            }
        }
    }
}

/// What is left of a path.
struct Rest<'a> {
    given: &'a [u8],
    /// In place of what was given, once a link has led elsewhere.
    own: Option<Vec<u8>>,
    at: usize,
}

impl<'a> Rest<'a> {
    fn new(given: &'a [u8]) -> Self {
        Self { given, own: None, at: 0 }
    }

    fn is_absolute(&self) -> bool {
        self.given[0] == b'/'
    }

    /// The next name, whether it is the last, and whether a slash comes after it.
    fn next(&mut self) -> Option<(&[u8], bool, bool)> {
        let path = self.own.as_deref().unwrap_or(self.given);
        let start = self.at + path[self.at..].iter().position(|byte| *byte != b'/')?;
        let end = path[start..].iter().position(|byte| *byte == b'/').map_or(path.len(), |length| start + length);
        self.at = end;
        let is_last = path[end..].iter().all(|byte| *byte == b'/');
        Some((&path[start..end], is_last, end < path.len()))
    }

    /// What is left comes behind `path`.
    fn prepend(&mut self, mut path: Vec<u8>, is_last: bool, slash: bool) -> Result<()> {
        let all = self.own.as_deref().unwrap_or(self.given);
        let rest = match is_last {
            false => &all[self.at..],
            true if slash => b"/",
            true => b"",
        };
        // Links upon links can leave much.
        extend(&mut path, rest.iter().copied())?;
        self.own = Some(path);
        self.at = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
