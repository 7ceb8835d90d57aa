"""What a picture says of itself: dates, camera, place and words, from its file and the files beside it."""
