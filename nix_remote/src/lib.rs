//! What machines tell each other of Nix store objects, and how much of it may be believed.
//!
//! There are the [`announcement`](peers::announcement)s that peers put into a DHT: which objects there
//! are, what their contents hash to, which path an output has. And there is the
//! [`transfer`](peers::transfer) of the contents, from many peers at once, with every byte verified.
//! [`lookup`](peers::lookup) says what is asked of the DHT, and in which order a closure is fetched.
//!
//! Those three are **not** a network: nothing in them opens a socket, reads a file or asks for the
//! time. Whoever runs a DHT or a connection hands over bytes and a time, and gets a judgement, bytes
//! to publish, or what to send and write. `peers::node` is one who does, over libp2p and
//! beside a store on disk.
//!
//! # Examples
//! ```
//! # #[cfg(feature = "peer-protocols")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use nix_core::{hash::Sha256, path_info::PathInfo, signature::SecretKey, store_path::StoreDir};
//! use nix_remote::peers::announcement::{Announcement, Object, Signers, Statement, Term};
//!
//! let dir = StoreDir::default();
//! let path = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo".parse()?;
//! let info = PathInfo::new(path, Sha256::of(b"the archive"), 11);
//! let object = Object::new(&info, [7; 32], 4);
//! let term = Term { sequence: 1, issued_at: 1_000_000, not_after: 1_003_600 };
//!
//! let key = SecretKey::from_seed("cache-1".parse()?, &[7; 32]);
//! let ours = Announcement::sign(&dir, &Statement::PathInfo(object), term, &key)?;
//!
//! let theirs = Announcement::decode(&ours.key().to_bytes(), ours.as_bytes())?;
//! let trusted = key.public_key().to_string().parse()?;
//! theirs.verify(&dir, Signers::Trusted(&trusted), 1_000_060)?;
//! assert_eq!(theirs, ours);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "peer-protocols"))]
//! # fn main() {}
//! ```
//!
//! # Features
//! | feature | what it adds |
//! | --- | --- |
//! | `peers` (default) | `peers::node`, `peers::codec` and `peers::validators`: a node over libp2p |
//! | `mdns` | peers find each other on a local network, by multicast DNS |
//! | `quic` | peers speak QUIC beside TCP; builds C |
//! | `peer-protocols` (by `peers`) | the rest of [`peers`], which needs no network |

#![forbid(unsafe_code)]

#[cfg(feature = "peer-protocols")]
pub mod peers;
