//! Scripted IAX2 PBXes with media that counts every frame: load and verification.
