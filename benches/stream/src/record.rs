//! What recording costs: tracks of 2 Mbit/s, published in real time, to encrypted objects in a directory.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use uuid::Uuid;
use veza_core::{Caller, TenantId};
use veza_stream::record::{NewRecording, Tapped};
use veza_stream::{ChannelId, Codec, ExtensionMap, Feedback, Packet, Track};

use crate::Outcome;
use crate::options::Options;
use crate::process::own_cpu;
use crate::stage::Stage;

/// Bytes of a picture: thirty in a second are 2 Mbit/s.
const PICTURE: usize = 2_000_000 / 8 / 30;
const PACKET: usize = 1_100;
const EVERY: Duration = Duration::from_micros(33_333);

pub fn run(options: &Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(record(options.tracks, options.seconds))
}

async fn record(tracks: usize, seconds: u64) -> Outcome {
    let stage = Stage::build(&std::env::temp_dir()).await?;
    println!("{tracks} tracks of 2 Mbit/s, {seconds} s");
    // The same packets, to somebody who drops them: what publishing costs here.
    let idle = cost(seconds, (0..tracks).map(|_| dropped()).collect())?;
    let mut taps = Vec::new();
    for number in 0..tracks {
        let (tap, tapped) = sync_channel(4_096);
        let caller = Caller::system(TenantId::from_verified(Uuid::from_u128(1 + number as u128 % 4)));
        let channel = ChannelId::from_uuid(Uuid::from_u128(number as u128));
        let new = NewRecording { channel, bucket: None, tracks: vec![track()] };
        stage.recorder.start(&caller, new, tapped, |_| {}).await?;
        taps.push(tap);
    }
    let busy = cost(seconds, taps)?;
    stage.recorder.idle().await;
    stage.tasks.stop(Duration::from_secs(10)).await;
    let percent = (busy - idle) * 100.0 / seconds as f64 / tracks as f64;
    println!("process CPU: {busy:.2} s with recording, {idle:.2} s without");
    println!("recording: {percent:.2} % of a core for each track (without PostgreSQL's own)");
    Ok(())
}

fn dropped() -> SyncSender<Tapped> {
    let (tap, tapped) = sync_channel(4_096);
    std::thread::spawn(move || tapped.into_iter().for_each(drop));
    tap
}

/// Publishes to all taps; answers the processor's time that this process used meanwhile, in seconds.
fn cost(seconds: u64, taps: Vec<SyncSender<Tapped>>) -> Outcome<f64> {
    let (before, begun) = (used()?, Instant::now());
    let (mut index, mut noise) = (0_u64, vec![0_u8; PICTURE]);
    noise.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 31 % 251) as u8);
    for picture in 0..seconds as u32 * 30 {
        let due = begun + EVERY * picture;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut data = noise.clone();
        let key = picture.is_multiple_of(30);
        let header = [if key { 0x10 } else { 0x11 }, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02];
        data[..10].copy_from_slice(&header);
        let parts = data.chunks(PACKET).count();
        for (at, part) in data.chunks(PACKET).enumerate() {
            let start = if at == 0 { 0x10 } else { 0 };
            let packet = Arc::new(Packet {
                index,
                timestamp: picture * 3_000,
                marker: at + 1 == parts,
                keyframe: key && at == 0,
                arrived: Instant::now(),
                extensions: Vec::new(),
                payload: [&[start], part].concat().into(),
            });
            index += 1;
            for tap in &taps {
                tap.send(Tapped::Packet { track: 0, packet: Arc::clone(&packet) })?;
            }
        }
    }
    for tap in &taps {
        tap.send(Tapped::Ended)?;
    }
    Ok(used()? - before)
}

/// Seconds of the processor that this process used.
fn used() -> Outcome<f64> {
    let [own, _of_children] = own_cpu()?;
    Ok(own.as_secs_f64())
}

fn track() -> Track {
    Track {
        mid: "0".to_owned(),
        codec: Codec::Vp8,
        format: None,
        payload_type: 96,
        rtx_payload_type: None,
        ssrc: None,
        rtx_ssrc: None,
        extensions: ExtensionMap::default(),
        feedback: Feedback::default(),
    }
}
