//! The digits of floats as the JSON library of Nix finds them, by the algorithm Grisu2.
//!
//! They read back as the same float, but are not always the fewest, nor the closest among the
//! fewest: about one float in two hundred has other digits in Rust. They must be the same, as the
//! path of a derivation follows from them.
//!
//! The algorithm is that of Florian Loitsch, "Printing Floating-Point Numbers Quickly and
//! Accurately with Integers" (PLDI 2010).

use alloc::string::String;

/// How many bits of a float are its fraction.
const FRACTION_BITS: u32 = 52;

/// What is added to the binary exponent of a float whose significand is a whole number.
const EXPONENT_BIAS: i32 = 1075;

/// The binary exponent of a scaled number is at least this one.
const ALPHA: i32 = -60;

/// The decimal exponent of the first power.
const POWER_MIN: i32 = -300;

/// The step of the decimal exponents of the powers.
const POWER_STEP: i32 = 8;

/// A significand of 64 bits and its binary exponent.
#[derive(Clone, Copy)]
struct Scaled {
    f: u64,
    e: i32,
}

impl Scaled {
    fn normal(self) -> Self {
        let shift = self.f.leading_zeros();
        Self {
            f: self.f << shift,
            e: self.e - shift.cast_signed(),
        }
    }

    /// Returns the product, rounded to 64 bits.
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.f) * u128::from(other.f) + (1 << 63);
        let f = u64::try_from(product >> 64).expect("128 bits less 64");
        Self {
            f,
            e: self.e + other.e + 64,
        }
    }
}

/// Returns digits and the decimal exponent of the last one, of a float that is finite and above 0.
pub(super) fn digits(float: f64) -> (String, i32) {
    let (lower, value, upper) = boundaries(float);
    let (power, decimal) = power_for(upper.e);
    let [lower, value, upper] = [lower, value, upper].map(|scaled| scaled.times(power));
    // The products are off by one at most: stay inside.
    let upper = Scaled {
        f: upper.f - 1,
        ..upper
    };
    let digits = Digits {
        text: String::with_capacity(17),
        delta: upper.f - (lower.f + 1),
        distance: upper.f - value.f,
    };
    digits.generate(upper, -decimal)
}

/// Returns the float between the numbers half-way to its neighbours; these two have one exponent.
fn boundaries(float: f64) -> (Scaled, Scaled, Scaled) {
    let bits = float.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let exponent = i32::try_from((bits >> FRACTION_BITS) & 0x7ff).expect("11 bits");
    let value = match exponent {
        0 => Scaled {
            f: fraction,
            e: 1 - EXPONENT_BIAS,
        },
        _ => Scaled {
            f: fraction | (1 << FRACTION_BITS),
            e: exponent - EXPONENT_BIAS,
        },
    };
    let upper = Scaled {
        f: 2 * value.f + 1,
        e: value.e - 1,
    }
    .normal();
    // Below a power of two the neighbour is nearer.
    let lower = if fraction == 0 && exponent > 1 {
        Scaled {
            f: 4 * value.f - 1,
            e: value.e - 2,
        }
    } else {
        Scaled {
            f: 2 * value.f - 1,
            e: value.e - 1,
        }
    };
    let lower = Scaled {
        f: lower.f << (lower.e - upper.e),
        e: upper.e,
    };
    (lower, value.normal(), upper)
}

/// Returns the power of ten that brings the binary exponent near enough to 0, and its exponent.
fn power_for(exponent: i32) -> (Scaled, i32) {
    let wanted = ALPHA - exponent - 1;
    // The quotient is the decimal logarithm of two.
    let least = wanted * 78_913 / (1 << 18) + i32::from(wanted > 0);
    let index = (least - POWER_MIN + POWER_STEP - 1) / POWER_STEP;
    let power = usize::try_from(index)
        .ok()
        .and_then(|index| POWERS.get(index));
    let &(f, e) = power.expect("there is a power for every float");
    (Scaled { f, e }, POWER_MIN + index * POWER_STEP)
}

/// Digits that are being found.
struct Digits {
    text: String,
    /// How far the digits may end below the upper boundary.
    delta: u64,
    /// How far the float itself is below it.
    distance: u64,
}

impl Digits {
    fn generate(mut self, upper: Scaled, decimal: i32) -> (String, i32) {
        let shift = upper.e.unsigned_abs();
        let one = 1_u64 << shift;
        let mut whole = upper.f >> shift;
        let mut part = upper.f & (one - 1);
        let mut left = whole.checked_ilog10().map_or(1, |log| log + 1);
        let mut unit = 10_u64.pow(left - 1);
        while left > 0 {
            self.push(whole / unit);
            whole %= unit;
            left -= 1;
            let rest = (whole << shift) + part;
            if rest <= self.delta {
                self.round(rest, unit << shift);
                return (self.text, decimal + left.cast_signed());
            }
            unit /= 10;
        }
        let mut behind = 0;
        loop {
            part *= 10;
            self.push(part >> shift);
            part &= one - 1;
            behind += 1;
            self.delta *= 10;
            self.distance *= 10;
            if part <= self.delta {
                self.round(part, one);
                return (self.text, decimal - behind);
            }
        }
    }

    fn push(&mut self, digit: u64) {
        let digit = u32::try_from(digit)
            .ok()
            .and_then(|digit| char::from_digit(digit, 10));
        self.text.push(digit.expect("one digit is below ten"));
    }

    /// Lowers the last digit while that comes nearer to the float.
    fn round(&mut self, mut rest: u64, unit: u64) {
        let last = self.text.pop().and_then(|last| last.to_digit(10));
        let mut last = u64::from(last.expect("there is a digit"));
        while rest < self.distance
            && self.delta - rest >= unit
            && (rest + unit < self.distance || self.distance - rest > rest + unit - self.distance)
        {
            last -= 1;
            rest += unit;
        }
        self.push(last);
    }
}

/// Every eighth power of ten from 1e-300 to 1e324: significands, rounded, and binary exponents.
const POWERS: [(u64, i32); 79] = [
    (0xab70_fe17_c79a_c6ca, -1060),
    (0xff77_b1fc_bebc_dc4f, -1034),
    (0xbe56_91ef_416b_d60c, -1007),
    (0x8dd0_1fad_907f_fc3c, -980),
    (0xd351_5c28_3155_9a83, -954),
    (0x9d71_ac8f_ada6_c9b5, -927),
    (0xea9c_2277_23ee_8bcb, -901),
    (0xaecc_4991_4078_536d, -874),
    (0x823c_1279_5db6_ce57, -847),
    (0xc210_9436_4dfb_5637, -821),
    (0x9096_ea6f_3848_984f, -794),
    (0xd774_85cb_2582_3ac7, -768),
    (0xa086_cfcd_97bf_97f4, -741),
    (0xef34_0a98_172a_ace5, -715),
    (0xb238_67fb_2a35_b28e, -688),
    (0x84c8_d4df_d2c6_3f3b, -661),
    (0xc5dd_4427_1ad3_cdba, -635),
    (0x936b_9fce_bb25_c996, -608),
    (0xdbac_6c24_7d62_a584, -582),
    (0xa3ab_6658_0d5f_daf6, -555),
    (0xf3e2_f893_dec3_f126, -529),
    (0xb5b5_ada8_aaff_80b8, -502),
    (0x8762_5f05_6c7c_4a8b, -475),
    (0xc9bc_ff60_34c1_3053, -449),
    (0x964e_858c_91ba_2655, -422),
    (0xdff9_7724_7029_7ebd, -396),
    (0xa6df_bd9f_b8e5_b88f, -369),
    (0xf8a9_5fcf_8874_7d94, -343),
    (0xb944_7093_8fa8_9bcf, -316),
    (0x8a08_f0f8_bf0f_156b, -289),
    (0xcdb0_2555_6531_31b6, -263),
    (0x993f_e2c6_d07b_7fac, -236),
    (0xe45c_10c4_2a2b_3b06, -210),
    (0xaa24_2499_6973_92d3, -183),
    (0xfd87_b5f2_8300_ca0e, -157),
    (0xbce5_0864_9211_1aeb, -130),
    (0x8cbc_cc09_6f50_88cc, -103),
    (0xd1b7_1758_e219_652c, -77),
    (0x9c40_0000_0000_0000, -50),
    (0xe8d4_a510_0000_0000, -24),
    (0xad78_ebc5_ac62_0000, 3),
    (0x813f_3978_f894_0984, 30),
    (0xc097_ce7b_c907_15b3, 56),
    (0x8f7e_32ce_7bea_5c70, 83),
    (0xd5d2_38a4_abe9_8068, 109),
    (0x9f4f_2726_179a_2245, 136),
    (0xed63_a231_d4c4_fb27, 162),
    (0xb0de_6538_8cc8_ada8, 189),
    (0x83c7_088e_1aab_65db, 216),
    (0xc45d_1df9_4271_1d9a, 242),
    (0x924d_692c_a61b_e758, 269),
    (0xda01_ee64_1a70_8dea, 295),
    (0xa26d_a399_9aef_774a, 322),
    (0xf209_787b_b47d_6b85, 348),
    (0xb454_e4a1_79dd_1877, 375),
    (0x865b_8692_5b9b_c5c2, 402),
    (0xc835_53c5_c896_5d3d, 428),
    (0x952a_b45c_fa97_a0b3, 455),
    (0xde46_9fbd_99a0_5fe3, 481),
    (0xa59b_c234_db39_8c25, 508),
    (0xf6c6_9a72_a398_9f5c, 534),
    (0xb7dc_bf53_54e9_bece, 561),
    (0x88fc_f317_f222_41e2, 588),
    (0xcc20_ce9b_d35c_78a5, 614),
    (0x9816_5af3_7b21_53df, 641),
    (0xe2a0_b5dc_971f_303a, 667),
    (0xa8d9_d153_5ce3_b396, 694),
    (0xfb9b_7cd9_a4a7_443c, 720),
    (0xbb76_4c4c_a7a4_4410, 747),
    (0x8bab_8eef_b640_9c1a, 774),
    (0xd01f_ef10_a657_842c, 800),
    (0x9b10_a4e5_e991_3129, 827),
    (0xe710_9bfb_a19c_0c9d, 853),
    (0xac28_20d9_623b_f429, 880),
    (0x8044_4b5e_7aa7_cf85, 907),
    (0xbf21_e440_03ac_dd2d, 933),
    (0x8e67_9c2f_5e44_ff8f, 960),
    (0xd433_179d_9c8c_b841, 986),
    (0x9e19_db92_b4e3_1ba9, 1013),
];
