//! Whole numbers in decimal, without the machinery of formatting.

/// The digits of 00 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0_u8;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

/// Returns the two digits of a number below a hundred; of its remainder where it is not.
pub(crate) fn pair(number: u32) -> [u8; 2] {
    PAIRS[(number % 100) as usize]
}

/// A number in decimal.
pub(crate) struct Decimal {
    digits: [u8; 20],
    from: usize,
}

impl Decimal {
    pub(crate) fn new(number: i64) -> Self {
        let mut digits = [b'-'; 20];
        let mut from = digits.len();
        let mut rest = number.unsigned_abs();
        // The remainder of a hundred fits.
        let low = |number: u64| pair(u32::try_from(number % 100).unwrap_or_default());
        while rest >= 100 {
            from -= 2;
            digits[from..from + 2].copy_from_slice(&low(rest));
            rest /= 100;
        }
        let [tens, ones] = low(rest);
        from -= 1;
        digits[from] = ones;
        if rest >= 10 {
            from -= 1;
            digits[from] = tens;
        }
        // The longest number, -9223372036854775808, has nineteen digits and its sign.
        from -= usize::from(number < 0);
        Self { digits, from }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.from..]
    }

    pub(crate) fn as_str(&self) -> &str {
        // Digits and a sign are text.
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// Appends a number in decimal.
pub(crate) fn push(number: i64, out: &mut String) {
    out.push_str(Decimal::new(number).as_str());
}

/// Appends the two digits of a number below a hundred.
pub(crate) fn push_pair(number: i64, out: &mut String) {
    let [tens, ones] = pair(u32::try_from(number).unwrap_or_default());
    out.push(char::from(tens));
    out.push(char::from(ones));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_the_range_are_written() {
        for number in [i64::MIN, -1, 0, 9, 10, 99, 100, 999, 1_000, i64::MAX] {
            assert_eq!(Decimal::new(number).as_str(), number.to_string());
        }
    }

    proptest! {
        #[test]
        fn a_number_is_written_as_the_standard_library_does(number: i64, shift in 0..64_u32) {
            let number = number >> shift;
            let written = Decimal::new(number);
            prop_assert_eq!(written.as_str(), number.to_string());
        }
    }
}
