//! Settings: flags over environment over file over defaults; all mistakes reported together.
