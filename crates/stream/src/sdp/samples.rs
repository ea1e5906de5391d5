//! Descriptions in the forms that programs write them.

const FINGERPRINT: &str =
    "DA:7B:57:DC:28:CE:04:4F:31:79:85:C4:31:67:EB:27:58:29:ED:77:2A:0D:24:AE:ED:AD:30:BC:BD:F1:9C:02";

fn crlf(text: &str) -> String {
    text.replace("FINGERPRINT", FINGERPRINT).trim_start().replace('\n', "\r\n")
}

const HEAD: &str = "v=0
o=- 5228595038118931041 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
";

const CHROMIUM_TRANSPORT: &str = "a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=ice-options:trickle
a=fingerprint:sha-256 FINGERPRINT
a=setup:actpass
";

const CHROMIUM_AUDIO: &str = "a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
";

const CHROMIUM_VIDEO: &str = "a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:103 H264/90000
a=rtcp-fb:103 goog-remb
a=rtcp-fb:103 transport-cc
a=rtcp-fb:103 ccm fir
a=rtcp-fb:103 nack
a=rtcp-fb:103 nack pli
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:104 rtx/90000
a=fmtp:104 apt=103
a=rtpmap:109 H264/90000
a=rtcp-fb:109 transport-cc
a=rtcp-fb:109 ccm fir
a=rtcp-fb:109 nack
a=rtcp-fb:109 nack pli
a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:114 rtx/90000
a=fmtp:114 apt=109
a=rtpmap:98 VP9/90000
a=rtcp-fb:98 transport-cc
a=rtcp-fb:98 nack
a=rtcp-fb:98 nack pli
a=fmtp:98 profile-id=0
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=rtpmap:45 AV1/90000
a=rtcp-fb:45 transport-cc
a=rtcp-fb:45 nack
a=rtcp-fb:45 nack pli
a=fmtp:45 level-idx=5;profile=0;tier=0
a=rtpmap:46 rtx/90000
a=fmtp:46 apt=45
a=rtpmap:116 red/90000
a=rtpmap:118 ulpfec/90000
";

const AUDIO_EXTENSIONS: &str = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
";

const VIDEO_EXTENSIONS: &str = "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:13 urn:3gpp:video-orientation
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
";

/// Chromium, publishing with simulcast by stream ids.
pub(super) fn chromium_publishes() -> String {
    crlf(&format!(
        "{HEAD}m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110
c=IN IP4 0.0.0.0
{CHROMIUM_TRANSPORT}a=mid:0
{AUDIO_EXTENSIONS}a=sendonly
a=msid:- d46fb922-d52a-4e9c-aa87-444eadc1521b
{CHROMIUM_AUDIO}a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
a=ssrc:3570614608 msid:- d46fb922-d52a-4e9c-aa87-444eadc1521b
m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 109 114 98 99 45 46 116 118
c=IN IP4 0.0.0.0
{CHROMIUM_TRANSPORT}a=mid:1
{VIDEO_EXTENSIONS}a=sendonly
a=msid:- 5a1e8a5c-6f9d-4b2c-8d4e-1c2f3a4b5c6d
{CHROMIUM_VIDEO}a=rid:q send
a=rid:h send
a=rid:f send
a=simulcast:send q;h;f
"
    ))
}

/// Chromium, watching.
pub(super) fn chromium_watches() -> String {
    crlf(&format!(
        "{HEAD}m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110
c=IN IP4 0.0.0.0
{CHROMIUM_TRANSPORT}a=mid:0
{AUDIO_EXTENSIONS}a=recvonly
{CHROMIUM_AUDIO}m=video 0 UDP/TLS/RTP/SAVPF 96 97 103 104 109 114 98 99 45 46 116 118
c=IN IP4 0.0.0.0
{CHROMIUM_TRANSPORT}a=mid:1
a=bundle-only
{VIDEO_EXTENSIONS}a=recvonly
{CHROMIUM_VIDEO}"
    ))
}

/// Firefox, publishing: the fingerprint stands once, and its sources have groups.
pub(super) fn firefox_publishes() -> String {
    crlf(
        "v=0
o=mozilla...THIS_IS_SDPARTA-99.0 3562946186712573210 0 IN IP4 0.0.0.0
s=-
t=0 0
a=sendrecv
a=fingerprint:sha-256 FINGERPRINT
a=group:BUNDLE 0 1
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101
c=IN IP4 0.0.0.0
a=sendonly
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=fmtp:101 0-15
a=ice-pwd:bdd4c0f2a9e1b4f6d1c7a8e95f3b2a10
a=ice-ufrag:8d3a5f1c
a=mid:0
a=msid:{5e8c8a2c-8a4f-4b0c-9d7e-2b0d6a7f9c11} {0a3b}
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000/1
a=setup:actpass
a=ssrc:1208364215 cname:{c0}
m=video 9 UDP/TLS/RTP/SAVPF 120 124 121 125 126 127 97 98
c=IN IP4 0.0.0.0
a=sendonly
a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:5 urn:ietf:params:rtp-hdrext:toffset
a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=fmtp:126 profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1
a=fmtp:97 profile-level-id=42e01f;level-asymmetry-allowed=1
a=fmtp:120 max-fs=12288;max-fr=60
a=fmtp:124 apt=120
a=fmtp:121 max-fs=12288;max-fr=60
a=fmtp:125 apt=121
a=fmtp:127 apt=126
a=fmtp:98 apt=97
a=ice-pwd:bdd4c0f2a9e1b4f6d1c7a8e95f3b2a10
a=ice-ufrag:8d3a5f1c
a=mid:1
a=msid:{5e8c8a2c-8a4f-4b0c-9d7e-2b0d6a7f9c11} {0a3c}
a=rtcp-fb:120 nack
a=rtcp-fb:120 nack pli
a=rtcp-fb:120 ccm fir
a=rtcp-fb:120 transport-cc
a=rtcp-fb:126 nack
a=rtcp-fb:126 nack pli
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:120 VP8/90000
a=rtpmap:124 rtx/90000
a=rtpmap:121 VP9/90000
a=rtpmap:125 rtx/90000
a=rtpmap:126 H264/90000
a=rtpmap:127 rtx/90000
a=rtpmap:97 H264/90000
a=rtpmap:98 rtx/90000
a=setup:actpass
a=ssrc:2655508255 cname:{c0}
a=ssrc:4115936254 cname:{c0}
a=ssrc-group:FID 2655508255 4115936254
",
    )
}

/// OBS Studio, with libdatachannel: no header extensions for sound, lines end as they should, candidates follow.
pub(super) fn obs_publishes() -> String {
    crlf(
        "v=0
o=rtc 3767197920 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=setup:actpass
a=ice-ufrag:L2ya
a=ice-pwd:f6vxLCh4rGLbaMFLz7FeIx
a=ice-options:ice2,trickle
a=fingerprint:sha-256 FINGERPRINT
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=ssrc:1382430841 cname:JvNDCfXz2Xh0ExQg
a=ssrc:1382430841 msid:u0MSLbRXzL u0MSLbRXzL-audio
a=msid:u0MSLbRXzL u0MSLbRXzL-audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=ssrc:1382430842 cname:JvNDCfXz2Xh0ExQg
a=ssrc:1382430842 msid:u0MSLbRXzL u0MSLbRXzL-video
a=msid:u0MSLbRXzL u0MSLbRXzL-video
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
",
    )
}

/// `GStreamer`'s `whipclientsink`: pictures alone, feedback for all formats at once.
pub(super) fn gstreamer_publishes() -> String {
    crlf(
        "v=0
o=- 4962303333179871722 0 IN IP4 0.0.0.0
s=-
t=0 0
a=ice-options:trickle
a=group:BUNDLE video0
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=setup:actpass
a=ice-ufrag:mHZ2cTpqAcTmGbnBpTj+lnnF3cN0+OQi
a=ice-pwd:hFXJ2wzVBxGQ7bnBpTj+lnnF3cN0+OQi
a=rtcp-mux
a=rtcp-rsize
a=sendonly
a=rtpmap:96 VP9/90000
a=rtcp-fb:* nack
a=rtcp-fb:* nack pli
a=rtcp-fb:96 transport-cc
a=extmap:1 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=ssrc-group:FID 3484078950 1712750552
a=ssrc:3484078950 msid:user2949 webrtctransceiver0
a=ssrc:3484078950 cname:user2949
a=ssrc:1712750552 msid:user2949 webrtctransceiver0
a=mid:video0
a=fingerprint:sha-256 FINGERPRINT
",
    )
}

/// Every one that publishes.
pub(super) fn publishers() -> [String; 4] {
    [chromium_publishes(), firefox_publishes(), obs_publishes(), gstreamer_publishes()]
}

/// A browser's answer to a counter-offer, made of the offer.
pub(super) fn answer_to(offer: &str) -> String {
    let kept = |line: &&str| {
        let ours = ["a=candidate", "a=end-of", "a=ssrc", "a=msid", "a=ice-lite", "a=ice-ufrag", "a=ice-pwd"];
        !ours.iter().any(|start| line.starts_with(start))
    };
    let mut answer = String::new();
    for line in offer.lines().filter(kept) {
        let line = match line {
            "a=sendonly" => "a=recvonly",
            "a=setup:actpass" => "a=setup:active\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
            line => line,
        };
        answer.push_str(line);
        answer.push_str("\r\n");
    }
    answer
}
