//! Bytes at a place: of a file, which several threads may read at once, or of what came through a pipe.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

#[derive(Debug)]
pub(crate) enum Source {
    File(File),
    /// What cannot be read from the middle has been read to its end.
    Memory(Vec<u8>),
}

impl Source {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let kind = file.metadata()?;
        if kind.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if kind.is_file() {
            return Ok(Self::File(file));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Self::Memory(bytes))
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            Self::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Fills `out` with the bytes from `place` on; fewer are [`ErrorKind::UnexpectedEof`].
    pub(crate) fn read_at(&self, place: u64, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => read_exact_at(file, place, out),
            Self::Memory(bytes) => {
                let start = usize::try_from(place).unwrap_or(usize::MAX);
                let mut rest = bytes.get(start..).unwrap_or_default();
                rest.read_exact(out)
            }
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, place: u64, out: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, place)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut place: u64, mut out: &mut [u8]) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, place) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                out = &mut out[count..];
                place += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One thread at a time, as a file has one position.
#[cfg(not(any(unix, windows)))]
fn read_exact_at(mut file: &File, place: u64, out: &mut [u8]) -> io::Result<()> {
    use std::io::Seek;

    static POSITION: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _taken = POSITION.lock();
    file.seek(io::SeekFrom::Start(place))?;
    file.read_exact(out)
}
