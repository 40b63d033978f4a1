"""The version of Storeyard: one place for the package, the command line and the images."""

VERSION = "0.1.0"
