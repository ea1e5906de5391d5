//! What is seen to while sessions go on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::json;
use veza_core::{Caller, Reason, Tasks, TenantId, TenantTx};

use super::Streams;
use crate::channel;
use crate::error::Error;
use crate::id::ChannelId;
use crate::live::{Live, Pace, Side};
use crate::plane::EndReason;
use crate::record::{abandon, silent};
use crate::session::{self, Closing, SessionKind};

/// How often channels are looked at: whether they are there, and whether their tokens hold.
const LOOK: Duration = Duration::from_secs(2);
/// How often sessions are metered, and seen to be alive.
const METER: Duration = Duration::from_secs(10);
/// Tenants that are seen to at once, and sessions of one.
const AT_ONCE: usize = 32;
/// How long reading a session may take.
const READING: Duration = Duration::from_secs(2);
/// How often lost and old sessions are looked for.
const SWEEP: Duration = Duration::from_secs(20);

impl Streams {
    pub(super) fn look_after(&self, tasks: &Tasks) {
        let this = self.clone();
        tasks.every("stream.look", LOOK, move || {
            let this = this.clone();
            async move { this.look().await }
        });
        let this = self.clone();
        let mut told = HashMap::new();
        tasks.spawn("stream.meter", move |stop| async move {
            let mut ticks = tokio::time::interval(METER);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                this.meter(&mut told).await;
            }
        });
    }

    pub(super) fn sweep(&self, tasks: &Tasks) {
        let this = self.clone();
        tasks.every("stream.sweep", SWEEP, move || {
            let this = this.clone();
            async move {
                if let Err(error) = this.sweep_once().await {
                    tracing::warn!(%error, "sessions cannot be swept");
                }
                if let Err(error) = this.sweep_recordings().await {
                    tracing::warn!(%error, "recordings cannot be swept");
                }
            }
        });
    }

    /// Ends sessions of channels that are gone, or whose token was ended.
    pub(crate) async fn look(&self) {
        self.inner.offered.sweep(self.db().clock().now());
        let tenants = stream::iter(self.registry().by_tenant());
        tenants.for_each_concurrent(AT_ONCE, |(tenant, sessions)| self.look_at(tenant, sessions)).await;
    }

    async fn look_at(&self, tenant: TenantId, sessions: Vec<Arc<Live>>) {
        let channels: HashSet<ChannelId> = sessions.iter().map(|live| live.channel).collect();
        let ids: Vec<ChannelId> = channels.into_iter().collect();
        let epochs = self.db().read(&Caller::system(tenant), move |tx| channel::epochs(tx, &ids)).await;
        let Ok(epochs) = epochs.inspect_err(|error| tracing::debug!(%error, "channels cannot be looked at"))
        else {
            return;
        };
        for live in &sessions {
            match epochs.get(&live.channel) {
                None => self.end_live(live, EndReason::Ended),
                Some(now) if live.state().epoch.is_some_and(|shown| shown < *now) => {
                    self.end_live(live, EndReason::Revoked);
                }
                Some(_) => {}
            }
        }
    }

    /// Meters all sessions; `told` is how many viewers of each channel its topic was told of.
    pub(crate) async fn meter(&self, told: &mut HashMap<ChannelId, usize>) {
        let all = self.registry().by_tenant();
        gauges(&all);
        let live_channels: HashSet<_> = all.values().flatten().map(|live| live.channel).collect();
        let known = &*told;
        let tenants = stream::iter(all).map(|(tenant, sessions)| self.meter_one(tenant, sessions, known));
        let changed: Vec<_> = tenants.buffer_unordered(AT_ONCE).collect().await;
        told.extend(changed.into_iter().flatten());
        told.retain(|channel, _| live_channels.contains(channel));
    }

    /// Meters the sessions of a tenant. Answers what its topic was told.
    async fn meter_one(
        &self,
        tenant: TenantId,
        sessions: Vec<Arc<Live>>,
        told: &HashMap<ChannelId, usize>,
    ) -> HashMap<ChannelId, usize> {
        let checks = stream::iter(&sessions).for_each_concurrent(AT_ONCE, |live| self.check_bitrate(live));
        checks.await;
        let readings: Vec<_> = sessions.iter().map(|live| (live.id, live.state().reading)).collect();
        let changed = self.changed_viewers(&sessions, told);
        let (config, news) = (self.config().clone(), changed.clone());
        let write = move |tx: &mut TenantTx<'_>| {
            let noted = session::note(tx, &readings)?;
            for (channel, viewers) in &news {
                let body = json!({ "channel_id": channel, "viewers": viewers });
                session::tell(tx, "stream.viewers", *channel, &body)?;
            }
            let month = session::month(tx)?;
            let beyond =
                |kind, most: Option<u32>| most.is_some_and(|most| month.of(kind) >= i64::from(most) * 60);
            let published = beyond(SessionKind::Publisher, config.publish_minutes_per_month);
            let watched = beyond(SessionKind::Viewer, config.watch_minutes_per_month);
            Ok::<_, Error>((noted, published, watched))
        };
        match self.db().tenant(&Caller::system(tenant), write).await {
            Ok((noted, published, watched)) => {
                self.end_those(&sessions, &noted, published, watched);
                changed
            }
            // The numbers are absolute: the next time makes up for it.
            Err(error) => {
                tracing::warn!(%error, tenant.id = %tenant, "what sessions used cannot be written down yet");
                HashMap::new()
            }
        }
    }

    /// Ends sessions that somebody else has ended in the database, and those beyond the month's limit.
    fn end_those(&self, sessions: &[Arc<Live>], noted: &session::Noted, published: bool, watched: bool) {
        for live in sessions {
            let beyond = match live.side.kind() {
                SessionKind::Publisher => published,
                SessionKind::Viewer => watched,
            };
            // One that began a moment ago is not written down yet.
            let is_known = live.state().connected_at.is_some();
            if beyond {
                self.end_live(live, EndReason::LimitReached);
            } else if is_known && !noted.goes_on(live.id) {
                self.end_live(live, EndReason::Ended);
            }
        }
    }

    /// Reads a session, and ends a publisher that sends too much.
    async fn check_bitrate(&self, live: &Live) {
        // A thread of media that is stuck must not keep others from being seen.
        let Ok(reading) = tokio::time::timeout(READING, self.read_session(live)).await else { return };
        let Side::Publisher { max_kbps, .. } = live.side else { return };
        let now = self.db().clock().now();
        let is_beyond = {
            let mut state = live.state();
            let Some(connected_at) = state.connected_at else { return };
            let pace = state.pace.get_or_insert(Pace::from(connected_at));
            pace.is_beyond(now, reading.received, max_kbps)
        };
        if is_beyond {
            self.end_live(live, EndReason::LimitReached);
        }
    }

    /// Channels whose number of viewers changed since it was told.
    fn changed_viewers(
        &self,
        sessions: &[Arc<Live>],
        told: &HashMap<ChannelId, usize>,
    ) -> HashMap<ChannelId, usize> {
        let publishers = sessions.iter().filter(|live| live.side.kind() == SessionKind::Publisher);
        let counts = publishers.map(|live| (live.channel, self.registry().viewers(live.place())));
        counts.filter(|(channel, count)| told.get(channel).copied().unwrap_or(0) != *count).collect()
    }

    /// Ends sessions whose process is gone, and removes old ones.
    pub(crate) async fn sweep_once(&self) -> Result<(), Error> {
        let lost = self.db().system(Reason("stream.sweep"), session::lost).await?;
        for (tenant, id) in lost {
            let closing = Closing { id, reason: session::LOST, reading: None };
            let close = move |tx: &mut TenantTx<'_>| session::close(tx, &closing);
            // One that cannot be ended is in nobody's way: it is tried again with the next sweep.
            if let Err(error) = self.db().tenant(&Caller::system(tenant), close).await {
                tracing::warn!(%error, tenant.id = %tenant, session.id = %id, "a lost session cannot be ended");
            }
        }
        let days = self.config().keep_sessions_days;
        self.db().system(Reason("stream.sweep"), move |tx| session::forget(tx, days)).await?;
        Ok(())
    }

    /// Ends recordings whose machine is gone.
    pub(crate) async fn sweep_recordings(&self) -> Result<(), crate::record::Error> {
        let left = self.db().system(Reason("stream.sweep"), silent).await?;
        for (tenant, id) in left {
            let end = move |tx: &mut TenantTx<'_>| abandon(tx, id);
            // One that cannot be ended is in nobody's way.
            if let Err(error) = self.db().tenant(&Caller::system(tenant), end).await {
                tracing::warn!(%error, tenant.id = %tenant, recording.id = %id, "a lost recording cannot be ended");
            }
        }
        Ok(())
    }
}

fn gauges(all: &HashMap<TenantId, Vec<Arc<Live>>>) {
    for kind in [SessionKind::Publisher, SessionKind::Viewer] {
        let count = all.values().flatten().filter(|live| live.side.kind() == kind).count();
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!("veza_stream_sessions", "kind" => kind.as_str()).set(count);
    }
}
