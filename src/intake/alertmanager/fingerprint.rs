//! The fingerprint of a label set, as Prometheus and Alertmanager compute it: FNV-1a over names and values.

use watchbell_engine::label::Labels;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;
/// Stands after each name and value; no byte of UTF-8.
const SEPARATOR: u8 = 0xff;

/// 16 hexadecimal digits.
pub(in crate::intake) fn fingerprint(labels: &Labels) -> String {
    let mut hash = OFFSET;
    for part in labels.iter().flat_map(|(name, value)| [name, value]) {
        for byte in part.bytes().chain([SEPARATOR]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_as_alertmanager() {
        let disk = |instance: &str| {
            let pairs = [("alertname", "DiskFull"), ("instance", instance), ("job", "node"), ("severity", "critical")];
            pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
        };
        assert_eq!(fingerprint(&disk("web-1")), "f0243985a26b1e00");
        assert_eq!(fingerprint(&disk("web-2")), "eea61eb4b70811f9");
        assert_eq!(fingerprint(&[("alertname".to_owned(), "ok1".to_owned())].into()), "d7252752c04bd3c5");
        assert_eq!(fingerprint(&Labels::new()), "cbf29ce484222325");
    }
}
