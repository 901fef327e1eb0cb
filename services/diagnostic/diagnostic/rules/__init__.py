"""Pure rules of the diagnosis: questionnaires as data, packed answers, scores, plan, stages, peers."""
