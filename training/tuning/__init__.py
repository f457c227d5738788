"""What all trainings share, supervised, on preferences and by reward: the model, its sizes, recipes, run folders."""
