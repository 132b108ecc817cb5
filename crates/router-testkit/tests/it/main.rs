//! Each behaviour of the kit, shown with a raw client over a real socket.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod client;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod tcp_proxy;
