//! A radix tree of bytes: which stored prefixes does a URI start with?

use crate::slab::{Key, Slab};

/// Keys by prefix. Every edge is labelled with one or more bytes; siblings differ in the first.
///
/// ```text
/// root ─"com."─▶ ● ─"app"─▶ (com.app) ─"le"─▶ (com.apple)
///                └─"zoo"─▶ (com.zoo)
/// ```
#[derive(Debug)]
pub(super) struct PrefixTree {
    nodes: Slab<Node>,
    root: Key,
    len: usize,
}

#[derive(Debug, Default)]
struct Node {
    /// The bytes on the edge to this node; empty only at the root.
    label: Box<[u8]>,
    /// What is stored for the prefix that ends here.
    key: Option<Key>,
    /// By the first byte of their label, sorted.
    children: Vec<(u8, Key)>,
}

impl Node {
    fn child(&self, first: u8) -> Option<Key> {
        let at = self.children.binary_search_by_key(&first, |(byte, _)| *byte).ok()?;
        Some(self.children[at].1)
    }

    fn add_child(&mut self, first: u8, child: Key) {
        match self.children.binary_search_by_key(&first, |(byte, _)| *byte) {
            Ok(at) => self.children[at].1 = child,
            Err(at) => self.children.insert(at, (first, child)),
        }
    }

    fn remove_child(&mut self, first: u8) {
        self.children.retain(|(byte, _)| *byte != first);
    }
}

impl Default for PrefixTree {
    fn default() -> Self {
        let mut nodes = Slab::default();
        let root = nodes.insert(Node::default());
        PrefixTree { nodes, root, len: 0 }
    }
}

impl PrefixTree {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn insert(&mut self, prefix: &str, key: Key) -> Option<Key> {
        let mut at = self.root;
        let mut rest = prefix.as_bytes();
        while let Some(&first) = rest.first() {
            let Some(child) = self.nodes[at].child(first) else {
                at = self.add_leaf(at, rest);
                break;
            };
            let common = common_len(&self.nodes[child].label, rest);
            at = if common < self.nodes[child].label.len() { self.split(at, child, common) } else { child };
            rest = &rest[common..];
        }
        let old = self.nodes[at].key.replace(key);
        self.len += usize::from(old.is_none());
        old
    }

    fn add_leaf(&mut self, parent: Key, label: &[u8]) -> Key {
        let leaf = self.nodes.insert(Node { label: label.into(), ..Node::default() });
        self.nodes[parent].add_child(label[0], leaf);
        leaf
    }

    /// Puts a node into the edge to `child`, after its first `at` bytes.
    fn split(&mut self, parent: Key, child: Key, at: usize) -> Key {
        let label = std::mem::take(&mut self.nodes[child].label);
        let (head, tail) = label.split_at(at);
        self.nodes[child].label = tail.into();
        let middle = Node { label: head.into(), key: None, children: vec![(tail[0], child)] };
        let middle = self.nodes.insert(middle);
        self.nodes[parent].add_child(head[0], middle);
        middle
    }

    pub(super) fn get(&self, prefix: &str) -> Option<Key> {
        let mut found = None;
        self.walk(prefix, |len, key| found = (len == prefix.len()).then_some(key));
        found
    }

    pub(super) fn remove(&mut self, prefix: &str) -> Option<Key> {
        let mut path = vec![self.root];
        let mut rest = prefix.as_bytes();
        while let Some(&first) = rest.first() {
            let child = self.nodes[*path.last()?].child(first)?;
            rest = rest.strip_prefix(&*self.nodes[child].label)?;
            path.push(child);
        }
        let node = path.pop()?;
        let old = self.nodes[node].key.take()?;
        self.len -= 1;
        self.tidy(node, &path);
        Some(old)
    }

    /// Removes a node that holds nothing, and joins one with its only child.
    fn tidy(&mut self, node: Key, path: &[Key]) {
        let Some((&parent, above)) = path.split_last() else { return };
        if self.nodes[node].key.is_some() {
            return;
        }
        match self.nodes[node].children.len() {
            0 => {
                let first = self.nodes[node].label[0];
                self.nodes.remove(node);
                self.nodes[parent].remove_child(first);
                self.tidy_once(parent, above);
            }
            1 => self.join(parent, node),
            _ => {}
        }
    }

    /// The parent of a removed leaf: it keeps at least one child unless it stores a key or is the root.
    fn tidy_once(&mut self, node: Key, path: &[Key]) {
        let Some(&parent) = path.last() else { return };
        if self.nodes[node].key.is_none() && self.nodes[node].children.len() == 1 {
            self.join(parent, node);
        }
    }

    fn join(&mut self, parent: Key, node: Key) {
        let Some(removed) = self.nodes.remove(node) else { return };
        let child = removed.children[0].1;
        let label = [&*removed.label, &*self.nodes[child].label].concat();
        self.nodes[parent].add_child(label[0], child);
        self.nodes[child].label = label.into();
    }

    /// Visits every stored prefix of `uri` with its length, from short to long.
    #[inline]
    fn walk(&self, uri: &str, mut visit: impl FnMut(usize, Key)) {
        let mut node = &self.nodes[self.root];
        let mut rest = uri.as_bytes();
        loop {
            if let Some(key) = node.key {
                visit(uri.len() - rest.len(), key);
            }
            let Some(child) = rest.first().and_then(|first| node.child(*first)) else { return };
            node = &self.nodes[child];
            let Some(after) = rest.strip_prefix(&*node.label) else { return };
            rest = after;
        }
    }

    pub(super) fn visit(&self, uri: &str, visit: &mut impl FnMut(Key)) {
        self.walk(uri, |_, key| visit(key));
    }

    pub(super) fn longest(&self, uri: &str) -> Option<(usize, Key)> {
        let mut longest = None;
        self.walk(uri, |len, key| longest = Some((len, key)));
        longest
    }

    #[cfg(test)]
    pub(super) fn is_clean(&self) -> bool {
        self.len == 0 && self.nodes.len() == 1
    }
}

fn common_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
