//! What happens to every frame of an IAX2 trunk switch: codec, relays, packing, socket I/O.
