//! Lines of cells as columns.

/// Aligns the cells; the last one of a line is not padded.
pub(crate) fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [vec!["A", "BB", "C"], vec!["ccc", "d", ""], vec!["é", "e", "f"]];
        let lines: Vec<Vec<String>> = lines.iter().map(|line| line.iter().map(|c| (*c).to_owned()).collect()).collect();
        assert_eq!(table(&lines), "A    BB  C\nccc  d\né    e   f\n");
    }
}
