//! Lists as they come, also those that do not end with `[]`: rustler's own iterator panics there.

use rustler::{ListIterator, Term};

/// The elements, up to an end of whatever kind.
pub struct Elements<'a>(Term<'a>);

impl<'a> Elements<'a> {
    pub fn of(list: Term<'a>) -> Elements<'a> {
        Elements(list)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Term<'a>;

    fn next(&mut self) -> Option<Term<'a>> {
        let (head, tail) = self.0.list_get_cell().ok()?;
        self.0 = tail;
        Some(head)
    }
}

/// Of a list that ends as a list does; none for any other term.
pub fn proper(term: Term<'_>) -> Option<ListIterator<'_>> {
    term.list_length().ok()?;
    term.decode().ok()
}
