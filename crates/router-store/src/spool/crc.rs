//! CRC-32 (IEEE 802.3, reflected, polynomial 0xEDB88320), eight bytes a step.

const TABLES: [[u32; 256]; 8] = tables();

#[expect(clippy::indexing_slicing, reason = "runs at compile time: an index out of range would not compile")]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut slice = 1;
    while slice < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[slice - 1][byte];
            tables[slice][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        slice += 1;
    }
    tables
}

/// The checksum of several pieces as if they were one.
pub(super) fn crc32(pieces: [&[u8]; 2]) -> u32 {
    !pieces.into_iter().fold(!0, update)
}

fn update(start: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(start, |crc, [a, b, c, d, e, f, g, h]| {
        let [x0, x1, x2, x3] = crc.to_le_bytes();
        entry(7, a ^ x0)
            ^ entry(6, b ^ x1)
            ^ entry(5, c ^ x2)
            ^ entry(4, d ^ x3)
            ^ entry(3, *e)
            ^ entry(2, *f)
            ^ entry(1, *g)
            ^ entry(0, *h)
    });
    rest.iter().fold(crc, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        (crc >> 8) ^ entry(0, low ^ byte)
    })
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "a byte is always within a table of 256, a slice is masked to the 8 there are"
)]
fn entry(slice: usize, byte: u8) -> u32 {
    TABLES[slice & 7][usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_known_values() {
        // The check value of CRC-32/ISO-HDLC, and two texts checked against zlib.
        assert_eq!(crc32([b"123456789", b""]), 0xCBF4_3926);
        assert_eq!(crc32([b"", b""]), 0);
        assert_eq!(crc32([b"The quick brown fox jumps over the lazy dog", b""]), 0x414F_A339);
    }

    #[test]
    fn pieces_are_one_text() {
        let text: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for cut in 0..text.len() {
            assert_eq!(crc32([&text[..cut], &text[cut..]]), crc32([&text, b""]));
        }
    }
}
