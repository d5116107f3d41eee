//! Which file a `require` means.

use super::{FileId, Workspace};

impl Workspace {
    /// The file that `require(name)` in a file probably loads.
    ///
    /// Looked for by the templates from each root, then from the folder of the
    /// file itself; at last, any one file whose path ends that way will do.
    pub fn module(&self, from: FileId, name: &str) -> Option<FileId> {
        self.module_by_path(from, name).or_else(|| self.module_by_ending(name))
    }

    pub(super) fn module_by_path(&self, from: FileId, name: &str) -> Option<FileId> {
        self.module_paths(from, name).iter().find_map(|path| self.id(path))
    }

    pub(super) fn module_by_ending(&self, name: &str) -> Option<FileId> {
        let endings: Vec<String> = self.endings(name).map(|ending| format!("/{ending}")).collect();
        let mut matches = self.ids.iter().filter(|(path, _)| endings.iter().any(|ending| path.ends_with(ending)));
        match (matches.next(), matches.next()) {
            (Some((_, only)), None) => Some(*only),
            _ => None,
        }
    }

    /// The paths at which `require(name)` looks, in order.
    pub fn module_paths(&self, from: FileId, name: &str) -> Vec<String> {
        let own = self.file(from).and_then(|file| file.path().rsplit_once('/')).map(|(folder, _)| folder);
        let bases: Vec<&str> = self.roots.iter().map(String::as_str).chain(own).collect();
        let paths = bases.iter().flat_map(|base| {
            self.endings(name).map(move |ending| if ending.starts_with('/') { ending } else { joined(base, &ending) })
        });
        paths.collect()
    }

    fn endings(&self, name: &str) -> impl Iterator<Item = String> {
        let is_sound = !name.is_empty() && name.len() < 1000 && !name.contains('\0');
        let name = name.replace('.', "/");
        let templates = self.templates.iter().filter(move |_| is_sound);
        templates.map(move |template| template.trim_start_matches("./").replace('?', &name))
    }

    /// The name by which `require` finds a file from a root.
    pub fn module_name(&self, file: FileId) -> Option<String> {
        let path = self.file(file)?.path();
        let inside = self.roots.iter().filter_map(|root| path.strip_prefix(root.as_str())?.strip_prefix('/'));
        let inside = inside.min_by_key(|rest| rest.len())?;
        let named = self.templates.iter().filter_map(|template| {
            let (before, after) = template.trim_start_matches("./").split_once('?')?;
            inside.strip_prefix(before)?.strip_suffix(after)
        });
        let name = named.min_by_key(|name| name.len())?;
        (!name.is_empty() && !name.contains('.')).then(|| name.replace('/', "."))
    }
}

/// A path below a folder; `..` steps out of it.
fn joined(base: &str, rest: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').collect();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
