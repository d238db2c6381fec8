package sweep

// BeginOnly begins r as a process does that is ended then.
func (s *Sweep) BeginOnly(r *Result, opt Options) error {
	_, err := s.begin(r, opt)
	return err
}
