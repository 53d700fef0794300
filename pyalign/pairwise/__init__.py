"""What pairs say: representational similarity analysis, CKA and its relatives, calibrated against chance."""
