"""The policy pack: rules for what the program declares, judged before anything is made."""
