//! Station: tells the kitchen on Discord, one webhook a category.
