//! What a call is: registration, authentication, set-up and tear-down of IAX2 calls, without I/O.
