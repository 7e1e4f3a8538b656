"""The killable process that looks for a wearer's badge."""
