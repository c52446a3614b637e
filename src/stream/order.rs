//! The numbers that fix the order of a sum.

/// Terms after which the lanes are merged.
pub(crate) const CHUNK: usize = 65_536;

/// Terms that a lane adds up before the one compensated addition.
pub(crate) const GROUP: usize = 4;

/// Terms of a stream that are summed side by side, each in a virtual lane of its own.
pub(crate) const fn virtual_lanes<T>() -> usize {
    128 / size_of::<T>()
}

/// Terms that fill a group of every virtual lane.
pub(crate) const fn tile_length<T>() -> usize {
    GROUP * virtual_lanes::<T>()
}

/// Numbers of 16 bits that are widened at a time where they are summed: whole [tiles](tile_length).
pub(crate) const PIECE: usize = if SMALL { 128 } else { 1_024 };

/// The same where something is written for each, which takes three rooms.
pub(crate) const WRITTEN_PIECE: usize = if SMALL { 64 } else { 1_024 };

/// Whether code and stack are taken to be scarce: targets of 16 and 32 bits, which are
/// microcontrollers and WebAssembly, and 32-bit desktops with them.
pub(crate) const SMALL: bool = cfg!(any(target_pointer_width = "16", target_pointer_width = "32"));
