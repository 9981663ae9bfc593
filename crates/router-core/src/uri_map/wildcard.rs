//! A trie of URI components: which wildcard patterns match a URI, and which of them is the most specific?

use hashbrown::HashMap;

use crate::slab::{Key, Slab};

/// Keys by wildcard pattern. A node's `any` child stands for an empty component, which matches every one.
///
/// Recursion is as deep as a URI has components, which [`crossweave_wamp::limits::URI_COMPONENTS_MAX`] bounds.
///
/// A node that a look-up visits is told from the others of its depth by which of the components above it are empty. Where only
/// the first `k` may be, as [`wildcard_positions_max`](crate::limits::RealmLimits::wildcard_positions_max) has it for what
/// sessions store, no more than 2^min(d, k) nodes of depth `d` are visited, however many patterns there are.
#[derive(Debug)]
pub(super) struct WildcardTrie {
    nodes: Slab<Node>,
    root: Key,
    len: usize,
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<Box<str>, Key>,
    any: Option<Key>,
    /// What is stored for the pattern that ends here.
    key: Option<Key>,
}

impl Node {
    fn child(&self, component: &str) -> Option<Key> {
        if component.is_empty() { self.any } else { self.literal.get(component).copied() }
    }

    fn is_bare(&self) -> bool {
        self.key.is_none() && self.any.is_none() && self.literal.is_empty()
    }
}

impl Default for WildcardTrie {
    fn default() -> Self {
        let mut nodes = Slab::default();
        let root = nodes.insert(Node::default());
        WildcardTrie { nodes, root, len: 0 }
    }
}

impl WildcardTrie {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn insert(&mut self, pattern: &str, key: Key) -> Option<Key> {
        let mut at = self.root;
        for component in pattern.split('.') {
            at = match self.nodes[at].child(component) {
                Some(child) => child,
                None => self.add_child(at, component),
            };
        }
        let old = self.nodes[at].key.replace(key);
        self.len += usize::from(old.is_none());
        old
    }

    fn add_child(&mut self, parent: Key, component: &str) -> Key {
        let child = self.nodes.insert(Node::default());
        let parent = &mut self.nodes[parent];
        if component.is_empty() {
            parent.any = Some(child);
        } else {
            parent.literal.insert(component.into(), child);
        }
        child
    }

    pub(super) fn get(&self, pattern: &str) -> Option<Key> {
        let mut node = &self.nodes[self.root];
        for component in pattern.split('.') {
            node = &self.nodes[node.child(component)?];
        }
        node.key
    }

    pub(super) fn remove(&mut self, pattern: &str) -> Option<Key> {
        let mut path = vec![self.root];
        for component in pattern.split('.') {
            path.push(self.nodes[*path.last()?].child(component)?);
        }
        let old = self.nodes[*path.last()?].key.take()?;
        self.len -= 1;
        for component in pattern.rsplit('.') {
            let Some(node) = path.pop() else { break };
            if !self.nodes[node].is_bare() {
                break;
            }
            self.nodes.remove(node);
            let parent = &mut self.nodes[*path.last()?];
            if component.is_empty() {
                parent.any = None;
            } else {
                parent.literal.remove(component);
            }
        }
        Some(old)
    }

    pub(super) fn visit(&self, uri: &str, visit: &mut impl FnMut(Key)) {
        self.visit_below(&self.nodes[self.root], Some(uri), visit);
    }

    fn visit_below(&self, node: &Node, rest: Option<&str>, visit: &mut impl FnMut(Key)) {
        let Some(rest) = rest else {
            if let Some(key) = node.key {
                visit(key);
            }
            return;
        };
        let (component, rest) = split_first(rest);
        if let Some(child) = node.literal.get(component) {
            self.visit_below(&self.nodes[*child], rest, visit);
        }
        if let Some(child) = node.any {
            self.visit_below(&self.nodes[child], rest, visit);
        }
    }

    /// The match with the longest portion of components before its first wildcard; among equals, before its second; ….
    ///
    /// Two matches of one URI first differ where one has the component itself and the other a wildcard. The former has the
    /// longer portion there, so going for the literal first finds the winner first.
    ///
    /// Given a wildcard pattern instead of a URI, it finds the most specific pattern that contains it.
    pub(super) fn best(&self, uri: &str) -> Option<Key> {
        self.best_below(&self.nodes[self.root], Some(uri))
    }

    fn best_below(&self, node: &Node, rest: Option<&str>) -> Option<Key> {
        let Some(rest) = rest else { return node.key };
        let (component, rest) = split_first(rest);
        let literal =
            node.literal.get(component).and_then(|child| self.best_below(&self.nodes[*child], rest));
        literal.or_else(|| self.best_below(&self.nodes[node.any?], rest))
    }

    #[cfg(test)]
    pub(super) fn is_clean(&self) -> bool {
        self.len == 0 && self.nodes.len() == 1
    }
}

fn split_first(uri: &str) -> (&str, Option<&str>) {
    // Components are short: looking at each byte is quicker than a search that prepares itself.
    match uri.bytes().position(|byte| byte == b'.') {
        Some(dot) => (&uri[..dot], Some(&uri[dot + 1..])),
        None => (uri, None),
    }
}
