// The peers in Rust: libbpf-rs and aya on the ring whose descriptor is 3.
//
//   rust_reader record|event libbpf-rs|aya
//
// As every peer of the bench it prints "ready", consumes until standard input
// is closed, and prints "records sum": the sum of all numbers and of the
// lengths of all strings.
use std::error::Error;
use std::io::{stdin, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::read_unaligned;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const RING_FD: i32 = 3;
const TIMEOUT_MS: u16 = 100;

static ENDED: AtomicBool = AtomicBool::new(false);

// As in test/bpf/peers.bpf.c.
#[repr(C)]
struct Record {
    sequence: u32,
    cpu: u32,
}

#[repr(C)]
struct RawEvent {
    sequence: u32,
    pid: u32,
    uid: u32,
    comm: [u8; 16],
    filename: [u8; 256],
}

struct Event {
    sequence: u32,
    pid: u32,
    uid: u32,
    comm: String,
    filename: String,
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

#[derive(Default)]
struct Tally {
    records: u64,
    sum: u64,
}

impl Tally {
    fn take(&mut self, is_event: bool, data: &[u8]) {
        self.records += 1;
        if is_event {
            assert!(data.len() >= size_of::<RawEvent>());
            let raw = unsafe { &*data.as_ptr().cast::<RawEvent>() };
            let event = Event {
                sequence: raw.sequence,
                pid: raw.pid,
                uid: raw.uid,
                comm: text(&raw.comm),
                filename: text(&raw.filename),
            };
            self.sum += u64::from(event.sequence) + u64::from(event.pid) + u64::from(event.uid);
            self.sum += (event.comm.len() + event.filename.len()) as u64;
        } else {
            assert!(data.len() >= size_of::<Record>());
            let record = unsafe { read_unaligned(data.as_ptr().cast::<Record>()) };
            self.sum += u64::from(record.sequence) + u64::from(record.cpu);
        }
    }
}

fn read_with_libbpf_rs(is_event: bool, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{RING_FD}"))?;
    let id = info.lines().find_map(|line| line.strip_prefix("map_id:")).ok_or("no map")?;
    let map = libbpf_rs::MapHandle::from_map_id(id.trim().parse()?)?;
    let mut builder = libbpf_rs::RingBufferBuilder::new();
    builder.add(&map, |data| {
        tally.take(is_event, data);
        0
    })?;
    let ring = builder.build()?;
    println!("ready");
    while !ENDED.load(Ordering::Relaxed) {
        ring.poll(Duration::from_millis(TIMEOUT_MS.into()))?;
    }
    Ok(())
}

fn read_with_aya(is_event: bool, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
    let map = aya::maps::MapData::from_fd(unsafe { OwnedFd::from_raw_fd(RING_FD) })?;
    let mut ring = aya::maps::RingBuf::try_from(aya::maps::Map::RingBuf(map))?;
    println!("ready");
    let mut poll = libc::pollfd { fd: ring.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    while !ENDED.load(Ordering::Relaxed) {
        unsafe { libc::poll(&mut poll, 1, TIMEOUT_MS.into()) };
        while let Some(item) = ring.next() {
            tally.take(is_event, &item);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, kind, library] = args.as_slice() else {
        return Err("expected record|event libbpf-rs|aya".into());
    };
    // A thread that only blocks takes no time from the loop.
    std::thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        ENDED.store(true, Ordering::Relaxed);
    });
    let mut tally = Tally::default();
    let is_event = kind == "event";
    match library.as_str() {
        "aya" => read_with_aya(is_event, &mut tally)?,
        _ => read_with_libbpf_rs(is_event, &mut tally)?,
    }
    println!("{} {}", tally.records, tally.sum);
    Ok(())
}
