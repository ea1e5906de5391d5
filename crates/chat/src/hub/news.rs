//! Rooms of which something is missing here.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::event::Place;

/// Rooms to look at; each is in it once.
#[derive(Debug, Default)]
pub(super) struct News {
    places: Mutex<HashSet<Place>>,
    notify: Notify,
}

impl News {
    pub(super) fn note(&self, place: Place) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(place);
        self.notify.notify_one();
    }

    /// Waits for some, and gives them.
    pub(super) async fn next(&self) -> HashSet<Place> {
        loop {
            let places = std::mem::take(&mut *self.places.lock().unwrap_or_else(PoisonError::into_inner));
            if !places.is_empty() {
                return places;
            }
            self.notify.notified().await;
        }
    }
}
