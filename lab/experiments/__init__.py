"""What is to be measured, and in which order: the plan, the designs, the targets."""
