package pulsarlog

// MoveFloors moves the marks, which Run does once a minute. A mark goes to where its
// partition ended the time before.
var MoveFloors = (*Log).moveFloors
