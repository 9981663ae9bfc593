//! A plain inflater after RFC 1951 that also tells the farthest distance used. Trusted input only.

const LENGTH_BASE: [usize; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
    227, 258,
];
const LENGTH_EXTRA: [u32; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const CODE_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> usize {
        (0..count).fold(0, |value, index| {
            let bit = usize::from(self.data[self.at / 8] >> (self.at % 8) & 1);
            self.at += 1;
            value | bit << index
        })
    }

    fn symbol(&mut self, codes: &Codes) -> usize {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &codes.counts[1..] {
            code |= self.take(1);
            if code < first + count {
                return codes.symbols[index + code - first];
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        panic!("no such code");
    }
}

/// Canonical Huffman codes.
struct Codes {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Codes {
    fn new(lengths: &[usize]) -> Codes {
        let mut counts = [0; 16];
        lengths.iter().for_each(|len| counts[*len] += 1);
        counts[0] = 0;
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        Codes { counts, symbols }
    }
}

/// Appends what `data` holds to `out` and returns the farthest distance; ends with the data, not with a final block.
pub(crate) fn inflate(data: &[u8], out: &mut Vec<u8>) -> usize {
    let mut bits = Bits { data, at: 0 };
    let mut farthest = 0;
    while bits.at + 3 <= data.len() * 8 {
        bits.take(1);
        match bits.take(2) {
            0 => stored(&mut bits, out),
            1 => {
                let lengths: Vec<usize> = (0..288)
                    .map(|symbol| {
                        [8, 9, 7, 8]
                            [(symbol > 143) as usize + (symbol > 255) as usize + (symbol > 279) as usize]
                    })
                    .collect();
                farthest = farthest.max(coded(&mut bits, out, &Codes::new(&lengths), &Codes::new(&[5; 30])));
            }
            _ => {
                let (literals, distances) = dynamic(&mut bits);
                farthest = farthest.max(coded(&mut bits, out, &literals, &distances));
            }
        }
    }
    farthest
}

fn stored(bits: &mut Bits<'_>, out: &mut Vec<u8>) {
    bits.at = bits.at.next_multiple_of(8);
    let len = bits.take(16);
    assert_eq!(len ^ 0xffff, bits.take(16));
    out.extend_from_slice(&bits.data[bits.at / 8..][..len]);
    bits.at += len * 8;
}

fn dynamic(bits: &mut Bits<'_>) -> (Codes, Codes) {
    let (literals, distances, codes) = (bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4);
    let mut code_lengths = [0; 19];
    CODE_ORDER[..codes].iter().for_each(|symbol| code_lengths[*symbol] = bits.take(3));
    let code = Codes::new(&code_lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (len, times) = match bits.symbol(&code) {
            16 => (*lengths.last().unwrap(), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            len => (len, 1),
        };
        lengths.extend(std::iter::repeat_n(len, times));
    }
    (Codes::new(&lengths[..literals]), Codes::new(&lengths[literals..]))
}

fn coded(bits: &mut Bits<'_>, out: &mut Vec<u8>, literals: &Codes, distances: &Codes) -> usize {
    let mut farthest = 0;
    loop {
        match bits.symbol(literals) {
            literal @ 0..256 => out.push(literal as u8),
            256 => return farthest,
            symbol => {
                let len = LENGTH_BASE[symbol - 257] + bits.take(LENGTH_EXTRA[symbol - 257]);
                let symbol = bits.symbol(distances);
                let extra = (symbol as u32 / 2).saturating_sub(1);
                let base = if symbol < 4 { symbol + 1 } else { ((2 + symbol % 2) << extra) + 1 };
                let distance = base + bits.take(extra);
                farthest = farthest.max(distance);
                (0..len).for_each(|_| out.push(out[out.len() - distance]));
            }
        }
    }
}
