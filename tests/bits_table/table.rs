pub(crate) const TABLE: &[(&str, &[u64])] = &[];
