//! A curve drawn with characters.

const WIDTH: usize = 72;
const HEIGHT: usize = 14;

/// Values from left to right, the largest at the top, zero at the bottom.
pub(crate) fn drawn(values: &[f32]) -> String {
    let largest = values.iter().copied().fold(0.0, f32::max);
    let mut canvas = [[b' '; WIDTH]; HEIGHT];
    for (column, place) in (0..WIDTH).map(|c| (c, c * values.len().saturating_sub(1) / (WIDTH - 1)))
    {
        let Some(&value) = values.get(place) else { continue };
        let height = (value / largest * (HEIGHT - 1) as f32).round() as usize;
        if let Some(line) = canvas.get_mut(HEIGHT - 1 - height.min(HEIGHT - 1)) {
            line[column] = b'*';
        }
    }
    let mut text = String::new();
    for (number, line) in canvas.iter().enumerate() {
        let label = largest * (HEIGHT - 1 - number) as f32 / (HEIGHT - 1) as f32;
        let line = String::from_utf8_lossy(line);
        text += &format!("{label:>8.4} |{}\n", line.trim_end());
    }
    text + &format!(
        "{:>9}+{}\n{:>10}0{:>71}\n",
        "",
        "-".repeat(WIDTH),
        "",
        values.len().saturating_sub(1)
    )
}
