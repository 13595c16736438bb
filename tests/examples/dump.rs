//! dump
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
use tests::frames::{self, Datagram};
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let mut c = tests::pcap::read(path.as_ref()).unwrap();
    let found =
        tests::unseal::unseal(&mut c.packets, &["alpha".into(), "beta".into(), "mistaken".into()]);
    let t0 = c.packets[0].time;
    for p in &c.packets {
        let s = if found.sealed.contains(&p.frame_no) { "E" } else { " " };
        let d = match frames::parse(&p.payload) {
            Ok(Datagram::Full(f)) => format!(
                "{f} {} {:?}",
                f.data.len(),
                f.ies()
                    .map(|v| v
                        .into_iter()
                        .map(|(k, v)| format!(
                            "{k}={}",
                            if v.iter().all(|c| (32..127).contains(c)) {
                                String::from_utf8_lossy(v).into_owned()
                            } else {
                                format!("{v:02x?}")
                            }
                        ))
                        .collect::<Vec<_>>()
                        .join(" "))
                    .unwrap_or_default()
            ),
            Ok(Datagram::Mini(v)) => {
                format!("mini {} {:?} {}", v.source, v.timestamp, v.audio.len())
            }
            Ok(Datagram::Trunk(t)) => format!(
                "trunk {:?}",
                t.entries.iter().map(|e| (e.source, e.timestamp)).collect::<Vec<_>>()
            ),
            other => format!("{other:?}").chars().take(60).collect(),
        };
        let f = found.faults.iter().find(|f| f.frame_no == p.frame_no).map_or("", |f| &f.text);
        println!(
            "{:5} {:9.4} {}→{} {s} {d} {f}",
            p.frame_no,
            (p.time - t0).as_secs_f64(),
            p.source.ip(),
            p.destination.ip()
        );
    }
}
