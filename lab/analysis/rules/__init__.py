"""What is held against trials: each rule looks for one defect and says a sentence."""
