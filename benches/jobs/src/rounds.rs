//! Rounds in which everybody has a turn, and the table of what came out.

use crate::Outcome;
use crate::table::{median, number, print};

/// What is measured: name and values, one a round.
pub struct Rounds<'n> {
    names: Vec<&'n str>,
    values: Vec<Vec<f64>>,
}

/// A quotient to show: of what, by what, and what is aimed at.
pub type Ratio<'n> = (&'n str, &'n str, &'n str);

impl<'n> Rounds<'n> {
    /// Measures everybody in each round, each round beginning with another.
    pub fn run(
        rounds: usize,
        names: &[&'n str],
        mut measure: impl FnMut(&'n str) -> Outcome<f64>,
    ) -> Outcome<Self> {
        let mut values = vec![Vec::new(); names.len()];
        for round in 0..rounds {
            for turn in 0..names.len() {
                let index = (round + turn) % names.len();
                let value = measure(names[index])?;
                eprintln!("round {}: {} {}", round + 1, names[index], number(value));
                values[index].push(value);
            }
        }
        Ok(Self { names: names.to_vec(), values })
    }

    /// Values that were measured elsewhere.
    pub fn of(pairs: Vec<(&'n str, Vec<f64>)>) -> Self {
        let (names, values) = pairs.into_iter().unzip();
        Self { names, values }
    }

    pub fn print(&self, unit: &str, ratios: &[Ratio<'n>]) {
        let spread = |values: &[f64]| {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            format!("{}–{}", number(least), number(most))
        };
        let rows: Vec<Vec<String>> = self
            .names
            .iter()
            .zip(&self.values)
            .map(|(name, values)| {
                vec![(*name).to_owned(), number(median(values.iter().copied())), spread(values)]
            })
            .collect();
        print(&["", unit, "least–most"], &rows);
        let rows: Vec<Vec<String>> = ratios
            .iter()
            .filter_map(|(of, by, goal)| {
                let each = |name| Some(&self.values[self.names.iter().position(|other| *other == name)?]);
                let ratios: Vec<f64> = each(*of)?.iter().zip(each(*by)?).map(|(of, by)| of / by).collect();
                let middle = format!("**{}**", number(median(ratios.iter().copied())));
                Some(vec![format!("{of} / {by}"), middle, spread(&ratios), (*goal).to_owned()])
            })
            .collect();
        if !rows.is_empty() {
            print(&["ratio: median of the rounds", "", "least–most", "aim"], &rows);
        }
    }
}
