//! Texts as they stand in JSON, in the forms that serde_json writes: in a string, and in JSON text that
//! is itself held in a string.

/// Tells whether a text stands in a JSON string as it is.
pub(crate) fn is_plain(text: &[u8]) -> bool {
    // Without a way out of the loop the compiler looks at many bytes at once.
    !text.iter().fold(false, |found, byte| found | is_special(*byte))
}

/// Appends a text as it stands in a JSON string.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
    for run in text.split_inclusive(|byte| is_special(*byte)) {
        match run.split_last() {
            Some((last, before)) if is_special(*last) => {
                out.extend_from_slice(before);
                escape_byte(*last, |escaped| out.extend_from_slice(escaped));
            }
            _ => out.extend_from_slice(run),
        }
    }
}

/// Appends a text as it stands in a JSON string inside JSON text inside a JSON string.
pub(crate) fn escape_twice(text: &[u8], out: &mut Vec<u8>) {
    for run in text.split_inclusive(|byte| is_special(*byte)) {
        match run.split_last() {
            Some((last, before)) if is_special(*last) => {
                out.extend_from_slice(before);
                escape_byte(*last, |escaped| escape(escaped, out));
            }
            _ => out.extend_from_slice(run),
        }
    }
}

fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn escape_byte(byte: u8, put: impl FnOnce(&[u8])) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => put(b"\\\""),
        b'\\' => put(b"\\\\"),
        b'\n' => put(b"\\n"),
        b'\r' => put(b"\\r"),
        b'\t' => put(b"\\t"),
        0x08 => put(b"\\b"),
        0x0C => put(b"\\f"),
        0x00..=0x1F => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            put(&[b'\\', b'u', b'0', b'0', high, low]);
        }
        byte => put(&[byte]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_escaped_as_serde_json_does(text: String) {
            let printed = serde_json::to_string(&text).unwrap();
            let mut out = Vec::new();
            escape(text.as_bytes(), &mut out);
            prop_assert_eq!(format!("\"{}\"", String::from_utf8(out).unwrap()), &printed[..]);
            prop_assert_eq!(is_plain(text.as_bytes()), printed.len() == text.len() + 2);

            let mut out = Vec::new();
            escape_twice(text.as_bytes(), &mut out);
            let twice = serde_json::to_string(&printed).unwrap();
            prop_assert_eq!(format!("\"\\\"{}\\\"\"", String::from_utf8(out).unwrap()), twice);
        }
    }
}
