//! The patterns of one context, so that the most specific match is found without trying each.

use super::pattern::{Pattern, Position, Set};

/// Patterns by their positions, each level in order of rank: a walk down it meets matches in the order of
/// [`Pattern`]'s `Ord`. A search visits each node at most once and allocates nothing.
#[derive(Debug, Clone)]
pub(super) struct PatternTree<T> {
    nodes: Vec<Node<T>>,
}

#[derive(Debug, Clone)]
struct Node<T> {
    ones: Vec<(u8, usize)>,
    sets: Vec<(Set, usize)>,
    rest: Vec<T>,
    rest_or_none: Vec<T>,
    end: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        let (rest, rest_or_none, end) = (Vec::new(), Vec::new(), Vec::new());
        Self { ones: Vec::new(), sets: Vec::new(), rest, rest_or_none, end }
    }
}

impl<T> Default for PatternTree<T> {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl<T: Copy> PatternTree<T> {
    /// Adds `value` behind those of an equal pattern.
    pub(super) fn insert(&mut self, pattern: &Pattern, value: T) {
        let mut at = 0;
        for position in pattern.positions() {
            let new = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            let next = match position {
                Position::One(octet) => child(&mut node.ones, *octet, new),
                Position::Of(set) => child(&mut node.sets, *set, new),
                Position::Rest => return node.rest.push(value),
                Position::RestOrNone => return node.rest_or_none.push(value),
            };
            if next == new {
                self.nodes.push(Node::default());
            }
            at = next;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.end.push(value);
        }
    }

    /// What `accept` makes of the most specific value whose pattern matches `number` and that it accepts.
    pub(super) fn find<R>(
        &self,
        number: &[u8],
        accept: &mut dyn FnMut(T) -> Option<R>,
    ) -> Option<R> {
        self.find_below(0, number, accept)
    }

    /// Whether some number that begins with `number` and is longer matches any pattern.
    pub(super) fn goes_on_after(&self, number: &[u8]) -> bool {
        self.goes_on_below(0, number)
    }

    fn goes_on_below(&self, node: usize, number: &[u8]) -> bool {
        let Some(node) = self.nodes.get(node) else { return false };
        if !node.rest.is_empty() || !node.rest_or_none.is_empty() {
            return true;
        }
        let Some((first, after)) = number.split_first() else {
            return !node.ones.is_empty() || !node.sets.is_empty();
        };
        let ones = node.ones.iter().filter(|(octet, _)| octet == first).map(|(_, next)| *next);
        let sets = node.sets.iter().filter(|(set, _)| set.contains(*first)).map(|(_, next)| *next);
        ones.chain(sets).any(|next| self.goes_on_below(next, after))
    }

    fn find_below<R>(
        &self,
        node: usize,
        number: &[u8],
        accept: &mut dyn FnMut(T) -> Option<R>,
    ) -> Option<R> {
        let node = self.nodes.get(node)?;
        if let Some((&first, after)) = number.split_first() {
            if let Ok(found) = node.ones.binary_search_by_key(&first, |(octet, _)| *octet)
                && let Some((_, next)) = node.ones.get(found)
                && let Some(found) = self.find_below(*next, after, accept)
            {
                return Some(found);
            }
            for (_, next) in node.sets.iter().filter(|(set, _)| set.contains(first)) {
                if let Some(found) = self.find_below(*next, after, accept) {
                    return Some(found);
                }
            }
            if let Some(found) = node.rest.iter().find_map(|value| accept(*value)) {
                return Some(found);
            }
        }
        let ended = if number.is_empty() { node.end.as_slice() } else { &[] };
        node.rest_or_none.iter().chain(ended).find_map(|value| accept(*value))
    }
}

fn child<K: Ord>(children: &mut Vec<(K, usize)>, key: K, new: usize) -> usize {
    match children.binary_search_by(|(known, _)| known.cmp(&key)) {
        Ok(found) => children.get(found).map_or(new, |(_, node)| *node),
        Err(place) => {
            children.insert(place, (key, new));
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The tree finds what sorting all patterns and trying each in turn would find.
        #[test]
        fn the_tree_agrees_with_a_sorted_list(
            texts in prop::collection::vec("[0-3XNZ]{0,3}(\\[[0-4]{1,3}\\])?[0-3XNZ]{0,2}[.!]?", 0..24),
            numbers in prop::collection::vec("[0-5]{0,7}", 1..20),
            passed_over in 0usize..4,
        ) {
            let patterns: Vec<Pattern> =
                texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
            let mut tree = PatternTree::default();
            for (index, pattern) in patterns.iter().enumerate() {
                tree.insert(pattern, index);
            }
            let mut sorted: Vec<usize> = (0..patterns.len()).collect();
            sorted.sort_by(|a, b| patterns[*a].cmp(&patterns[*b]).then(a.cmp(b)));
            let accepted = |index: usize| index % 4 != passed_over;
            for number in &numbers {
                let naive = sorted
                    .iter()
                    .copied()
                    .find(|index| patterns[*index].matches(number) && accepted(*index));
                let found =
                    tree.find(number.as_bytes(), &mut |index| accepted(index).then_some(index));
                prop_assert_eq!(found, naive);
            }
        }
    }
}
