//! The files behind `io`: buffering, positions and ends of processes. Nothing here knows Lua.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use perilune_vm::{Buffer, Buffering};

const BUFFER: usize = 8192;

/// A file of the system, read and written at one position.
pub(crate) struct Stream {
    device: Device,
    /// Bytes read ahead, of which those before `consumed` are used up.
    ahead: Vec<u8>,
    consumed: usize,
    /// Bytes written and not yet handed over.
    behind: Vec<u8>,
    buffering: Buffering,
    appends: bool,
    writable: bool,
}

enum Device {
    Disk(File),
    Process(Box<Child>),
    Closed,
}

/// A stream that a file handle and the list of open streams share.
pub(crate) type Shared = Arc<Mutex<Stream>>;

/// The open files of all machines: what ends the process hands over what they hold.
static OPEN: Mutex<Vec<Weak<Mutex<Stream>>>> = Mutex::new(Vec::new());

/// Hands over what every open file still holds, as a C program does when it exits.
pub fn flush_all() {
    let streams: Vec<Shared> = OPEN.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
    for stream in streams {
        if let Ok(mut stream) = stream.try_lock() {
            stream.flush().ok();
        }
    }
}

fn share(device: Device, appends: bool) -> Shared {
    let stream = Stream {
        device,
        ahead: Vec::new(),
        consumed: 0,
        behind: Vec::new(),
        buffering: Buffering::Full,
        appends,
        writable: true,
    };
    let shared = Arc::new(Mutex::new(stream));
    let mut streams = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    streams.retain(|stream| stream.strong_count() > 0);
    streams.push(Arc::downgrade(&shared));
    shared
}

impl Stream {
    /// Opens a file; the mode has been checked to be one of C's.
    pub(crate) fn open(path: &std::path::Path, mode: &[u8]) -> io::Result<Shared> {
        let updates = mode.contains(&b'+');
        let mut options = std::fs::OpenOptions::new();
        match mode.first() {
            Some(b'w') => options.write(true).create(true).truncate(true).read(updates),
            Some(b'a') => options.append(true).create(true).read(updates),
            _ => options.read(true).write(updates),
        };
        let shared = share(Device::Disk(options.open(path)?), mode.first() == Some(&b'a'));
        if let Ok(mut stream) = shared.lock() {
            stream.writable = updates || mode.first() != Some(&b'r');
        }
        Ok(shared)
    }

    pub(crate) fn from_file(file: File) -> Shared {
        share(Device::Disk(file), false)
    }

    pub(crate) fn from_child(child: Child) -> Shared {
        share(Device::Process(Box::new(child)), false)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.device, Device::Closed)
    }

    /// Closes the file; for a process, waits for its end and tells how it ended.
    pub(crate) fn close(&mut self) -> io::Result<Option<ExitStatus>> {
        let flushed = self.flush();
        self.ahead = Vec::new();
        self.consumed = 0;
        self.behind = Vec::new();
        match std::mem::replace(&mut self.device, Device::Closed) {
            Device::Process(mut child) => {
                drop(child.stdin.take());
                drop(child.stdout.take());
                child.wait().map(Some)
            }
            _ => flushed.map(|()| None),
        }
    }

    pub(crate) fn set_buffering(&mut self, buffering: Buffering) -> io::Result<()> {
        self.buffering = buffering;
        self.flush()
    }

    pub(crate) fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.flush()?;
        let unread = (self.ahead.len() - self.consumed) as i64;
        self.ahead.clear();
        self.consumed = 0;
        let Device::Disk(file) = &mut self.device else {
            return Err(io::Error::from_raw_os_error(29));
        };
        match position {
            SeekFrom::Current(offset) => file.seek(SeekFrom::Current(offset.saturating_sub(unread))),
            position => file.seek(position),
        }
    }

    /// Gives back to the system what was read ahead, so that a write goes where the reader is.
    fn forget_ahead(&mut self) -> io::Result<()> {
        if self.consumed < self.ahead.len() && !self.appends {
            self.seek(SeekFrom::Current(0))?;
        }
        self.ahead.clear();
        self.consumed = 0;
        Ok(())
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.writable {
            return Err(io::Error::from_raw_os_error(9));
        }
        if !self.ahead.is_empty() {
            self.forget_ahead()?;
        }
        self.behind.extend_from_slice(bytes);
        let hands_over = match self.buffering {
            Buffering::None => true,
            Buffering::Line => bytes.contains(&b'\n'),
            Buffering::Full => self.behind.len() >= BUFFER,
        };
        if hands_over {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.behind.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.behind);
        match &mut self.device {
            Device::Disk(file) => file.write_all(&bytes),
            Device::Process(child) => match &mut child.stdin {
                Some(pipe) => pipe.write_all(&bytes).and_then(|()| pipe.flush()),
                None => Err(bad_descriptor()),
            },
            Device::Closed => Err(bad_descriptor()),
        }
    }
}

fn bad_descriptor() -> io::Error {
    io::Error::from_raw_os_error(9)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed >= self.ahead.len() {
            self.flush()?;
            self.ahead.resize(BUFFER, 0);
            self.consumed = 0;
            let result = match &mut self.device {
                Device::Disk(file) => file.read(&mut self.ahead),
                Device::Process(child) => match &mut child.stdout {
                    Some(pipe) => pipe.read(&mut self.ahead),
                    None => Err(bad_descriptor()),
                },
                Device::Closed => Err(bad_descriptor()),
            };
            self.ahead.truncate(*result.as_ref().unwrap_or(&0));
            result?;
        }
        Ok(&self.ahead[self.consumed..])
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.is_closed() {
            self.close().ok();
        }
    }
}

fn peek(source: &mut dyn BufRead) -> io::Result<Option<u8>> {
    Ok(source.fill_buf()?.first().copied())
}

/// Whether there is nothing left to read.
pub(crate) fn at_end(source: &mut dyn BufRead) -> io::Result<bool> {
    Ok(source.fill_buf()?.is_empty())
}

/// A line, with its end if wanted; none at the end of the file.
pub(crate) fn read_line(source: &mut dyn BufRead, keep_end: bool, mut line: Buffer) -> io::Result<Option<Buffer>> {
    while !line.is_full() {
        let ahead = source.fill_buf()?;
        let end = memchr::memchr(b'\n', ahead);
        let length = end.map_or(ahead.len(), |end| end + 1);
        if length == 0 {
            return Ok((!line.is_empty()).then_some(line));
        }
        line.extend_from_slice(&ahead[..length]);
        source.consume(length);
        if end.is_some() {
            line.shorten(usize::from(!keep_end));
            break;
        }
    }
    Ok(Some(line))
}

/// All that is left.
pub(crate) fn read_all(source: &mut dyn BufRead, mut all: Buffer) -> io::Result<Buffer> {
    while !all.is_full() {
        let ahead = source.fill_buf()?;
        let length = ahead.len();
        if length == 0 {
            break;
        }
        all.extend_from_slice(ahead);
        source.consume(length);
    }
    Ok(all)
}

/// Up to `count` bytes; none at the end of the file.
pub(crate) fn read_bytes(source: &mut dyn BufRead, count: u64, bytes: Buffer) -> io::Result<Option<Buffer>> {
    let bytes = read_all(&mut source.take(count), bytes)?;
    Ok((bytes.is_full() || !bytes.is_empty()).then_some(bytes))
}

/// The longest numeral a file can hold.
const LONGEST_NUMERAL: usize = 200;

/// Takes the longest prefix of the source that could start a numeral; what it takes may not be one.
pub(crate) fn read_numeral(source: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    while peek(source)?.is_some_and(|byte| matches!(byte, b' ' | b'\t'..=b'\r')) {
        source.consume(1);
    }
    let mut numeral = Numeral { source, text: Vec::new() };
    numeral.one_of(b"+-")?;
    let mut count = 0;
    let mut is_hex = false;
    if numeral.one_of(b"0")? {
        if numeral.one_of(b"xX")? {
            is_hex = true;
        } else {
            count = 1;
        }
    }
    count += numeral.digits(is_hex)?;
    if numeral.one_of(b".")? {
        count += numeral.digits(is_hex)?;
    }
    if count > 0 && numeral.one_of(if is_hex { b"pP" } else { b"eE" })? {
        numeral.one_of(b"+-")?;
        numeral.digits(false)?;
    }
    Ok(numeral.text)
}

struct Numeral<'a> {
    source: &'a mut dyn BufRead,
    text: Vec<u8>,
}

impl Numeral<'_> {
    fn take_if(&mut self, accepts: impl Fn(u8) -> bool) -> io::Result<bool> {
        match peek(self.source)? {
            Some(byte) if accepts(byte) => {
                if self.text.len() >= LONGEST_NUMERAL {
                    // Too long to be a number: make sure that it does not become one.
                    self.text.clear();
                    return Ok(false);
                }
                self.source.consume(1);
                self.text.push(byte);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn one_of(&mut self, set: &[u8]) -> io::Result<bool> {
        self.take_if(|byte| set.contains(&byte))
    }

    fn digits(&mut self, is_hex: bool) -> io::Result<usize> {
        let mut count = 0;
        while self.take_if(|byte| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() })? {
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_end_where_they_cannot_go_on() {
        for (text, numeral, rest) in [
            (" -12.5e+3x", "-12.5e+3", "x"),
            ("0x1Fg", "0x1F", "g"),
            (".e", ".", "e"),
            ("12 13", "12", " 13"),
            ("nan", "", "nan"),
        ] {
            let mut source = text.as_bytes();
            assert_eq!(read_numeral(&mut source).expect("bytes can be read"), numeral.as_bytes());
            assert_eq!(source, rest.as_bytes());
        }
    }

    fn line(stream: &mut Stream, keep_end: bool) -> Option<Buffer> {
        read_line(stream, keep_end, Buffer::with_room(100)).expect("read")
    }

    #[test]
    fn a_line_without_end_stops_when_there_is_no_more_room() {
        let text = read_line(&mut io::BufReader::new(io::repeat(b'a')), false, Buffer::with_room(1 << 20)).expect("read");
        assert!(text.is_some_and(|text| text.is_full()));
        let all = read_all(&mut io::BufReader::new(io::repeat(b'a')), Buffer::with_room(1 << 20)).expect("read");
        assert!(all.is_full());
    }

    #[test]
    fn reading_and_writing_share_a_position() {
        let stream = Stream::from_file(tempfile::tempfile().expect("a temporary file"));
        let mut stream = stream.lock().expect("nobody else has it");
        stream.write_all(b"one\ntwo\n").expect("written");
        stream.seek(SeekFrom::Start(0)).expect("at the start");
        assert_eq!(line(&mut stream, false).as_deref(), Some(&b"one"[..]));
        stream.write_all(b"TWO").expect("written");
        assert_eq!(stream.seek(SeekFrom::Current(0)).expect("told"), 7);
        stream.seek(SeekFrom::Start(4)).expect("moved");
        assert_eq!(line(&mut stream, true).as_deref(), Some(&b"TWO\n"[..]));
        assert_eq!(line(&mut stream, true).as_deref(), None);
    }
}
