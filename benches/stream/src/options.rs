//! What is to be measured, and how.

use crate::Outcome;

#[derive(Debug, Clone)]
pub struct Options {
    pub parts: Vec<String>,
    pub viewers: usize,
    /// Tracks that are recorded.
    pub tracks: usize,
    pub seconds: u64,
    pub kilobits: u64,
    pub rounds: usize,
    /// Viewers that join in a second.
    pub rate: u64,
    pub paced: bool,
    pub together: bool,
    /// Viewers lose one packet of so many; 0 is none.
    pub loses: u64,
    /// Who is measured.
    pub servers: Vec<String>,
}

const USAGE: &str = "usage: veza-bench-stream [record|run|cpu]… [--viewers N] [--tracks N] [--seconds N] [--bitrate KBIT/S] \
                     [--rounds N] [--rate VIEWERS/S] [--servers ours,rtc,janus] [--loses ONE-OF] [--paced] [--together]";

impl Options {
    pub fn read(parts: &[&str]) -> Outcome<Self> {
        let mut options = Self {
            parts: Vec::new(),
            viewers: 200,
            tracks: 20,
            seconds: 10,
            kilobits: 600,
            rounds: 3,
            rate: 100,
            paced: false,
            together: false,
            loses: 0,
            servers: vec!["ours".to_owned(), "rtc".to_owned(), "janus".to_owned()],
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--viewers" => options.viewers = value()?.parse()?,
                "--tracks" => options.tracks = value()?.parse()?,
                "--seconds" => options.seconds = value()?.parse()?,
                "--bitrate" => options.kilobits = value()?.parse()?,
                "--rounds" => options.rounds = value()?.parse()?,
                "--rate" => options.rate = value()?.parse()?,
                "--servers" => options.servers = value()?.split(',').map(str::to_owned).collect(),
                "--loses" => options.loses = value()?.parse()?,
                "--paced" => options.paced = true,
                "--together" => options.together = true,
                part if parts.contains(&part) => options.parts.push(part.to_owned()),
                _ => return Err(USAGE.into()),
            }
        }
        if options.parts.is_empty() {
            options.parts = parts.iter().map(|part| (*part).to_owned()).collect();
        }
        Ok(options)
    }

    pub fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }
}
