//! One test binary: promises as sentences, kept on real sockets.
